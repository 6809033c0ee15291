"""Which language a page speaks: the signer's choice, the client's wish, the browser's, English."""

from flask import Request

from csc_server.web.interaction.texts import Language


def choose_language(request: Request, wished: str) -> Language:
    """Return the language of a page (CSC 1.0.4.0, 8.3.2 lang; RFC 9110, 12.5.4); unknown tags count for nothing.

    Args:
        request: its `lang` parameter is the signer's own choice.
        wished: the tag of the authorization request, or "".
    """
    for tag in (request.args.get("lang", ""), wished):
        language = named_language(tag)
        if language is not None:
            return language
    accepted = (named_language(tag) for tag, weight in request.accept_languages if weight > 0)
    return next((language for language in accepted if language), Language.ENGLISH)


def language_query(request: Request) -> str:
    """Return the query that keeps the signer's choice of language over posts and redirects, "" without one."""
    chosen = named_language(request.args.get("lang", ""))
    return f"?lang={chosen}" if chosen else ""


def named_language(tag: str) -> Language | None:
    """Return the language of a tag by its primary subtag, None if we do not speak it."""
    primary = tag.partition("-")[0].lower()
    return next((language for language in Language if language.value == primary), None)
