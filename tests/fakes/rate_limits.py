"""Rate limits that no test reaches by accident."""

from csc_server.settings import Rates
from csc_server.web.http.rate_limits import RateLimits, RequestLimits
from csc_server.web.http.stranger_refusals import StrangerRefusals

RAISED = Rates(factor=1_000_000)


def unlimited(store, audit, clock):
    return RequestLimits(RateLimits(store, clock, RAISED, StrangerRefusals(audit, clock)))
