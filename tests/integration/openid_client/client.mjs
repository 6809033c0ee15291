// An application on the npm package openid-client, told what to do by JSON lines on its standard input.
// Each line is [command, arguments]; each answer is a line too, {"value": ...} or {"error": ...}.

import { createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

import * as openid from 'openid-client'
import { Agent, fetch } from 'undici'

let config
let keys = {}

async function importKey(jwk) {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
  return crypto.subtle.importKey('jwk', jwk, algorithm, false, ['sign'])
}

function authentication(client) {
  if (client.auth_method === 'private_key_jwt') {
    const jwk = JSON.parse(readFileSync(client.key, 'utf8'))
    return async () => openid.PrivateKeyJwt({ key: await importKey(jwk), kid: jwk.kid })
  }
  return async () => openid.TlsClientAuth()
}

function connection(client, trust) {
  const tls = { ca: readFileSync(trust) }
  if (client.certificate) {
    createPrivateKey(readFileSync(client.key))
    Object.assign(tls, { cert: readFileSync(client.certificate), key: readFileSync(client.key) })
  }
  const dispatcher = new Agent({ connect: tls })
  return (url, options) => fetch(url, { ...options, dispatcher })
}

function proof(name) {
  return name ? { DPoP: openid.getDPoPHandle(config, keys[name]) } : undefined
}

const commands = {
  // Read the server's metadata and be this client from now on.
  async discover({ issuer, trust, client }) {
    const auth = await authentication(client)()
    const metadata = client.certificate ? { use_mtls_endpoint_aliases: false } : undefined
    config = await openid.discovery(new URL(issuer), client.client_id, metadata, auth, {
      algorithm: 'oauth2',
      [openid.customFetch]: connection(client, trust),
    })
    return config.serverMetadata()
  },

  // Make a key for DPoP under a name.
  async key({ name, algorithm }) {
    keys[name] = await openid.randomDPoPKeyPair(algorithm)
    return openid.getDPoPHandle(config, keys[name]).calculateThumbprint()
  },

  // Push an authorization request; answer what the browser opens and what the application keeps.
  async push({ parameters, dpop }) {
    const verifier = openid.randomPKCECodeVerifier()
    const state = openid.randomState()
    const asked = {
      ...parameters,
      state,
      code_challenge: await openid.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    }
    const url = await openid.buildAuthorizationUrlWithPAR(config, asked, proof(dpop))
    return { url: url.href, state, verifier }
  },

  // Redeem what came back to the redirect URI.
  async redeem({ url, state, verifier, nonce, parameters, dpop }) {
    const checks = { expectedState: state, pkceCodeVerifier: verifier, expectedNonce: nonce }
    return openid.authorizationCodeGrant(config, new URL(url), checks, parameters, proof(dpop))
  },

  async refresh({ token, dpop }) {
    return openid.refreshTokenGrant(config, token, undefined, proof(dpop))
  },

  async credentials({ parameters, dpop }) {
    return openid.clientCredentialsGrant(config, parameters, proof(dpop))
  },

  async revoke({ token }) {
    await openid.tokenRevocation(config, token)
    return null
  },

  async introspect({ token }) {
    return openid.tokenIntrospection(config, token)
  },

  // Call the API with an access token.
  async call({ token, url, body, dpop }) {
    const headers = new Headers({ 'content-type': 'application/json' })
    const text = JSON.stringify(body)
    const response = await openid.fetchProtectedResource(config, token, new URL(url), 'POST', text, headers, proof(dpop))
    return { status: response.status, body: await response.json() }
  },
}

function described(error) {
  const { name, code, error: answered, error_description: description, status } = error
  return { name, code, answered, description, status, message: error.message, cause: error.cause?.message }
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer
  try {
    const [command, given] = JSON.parse(line)
    answer = { value: (await commands[command](given)) ?? null }
  } catch (error) {
    answer = { error: described(error) }
  }
  process.stdout.write(JSON.stringify(answer) + '\n')
}
