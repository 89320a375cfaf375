// Who is signed in: the tokens of this tab, kept in its sessionStorage alone, and when they end.
const KEYS = { access: "lastunit-console-token", refresh: "lastunit-console-refresh", login: "lastunit-console-login", ends: "lastunit-console-ends" };
const at = (key) => ({
  get: () => sessionStorage.getItem(KEYS[key]),
  set: (value) => (value ? sessionStorage.setItem(KEYS[key], value) : sessionStorage.removeItem(KEYS[key])),
});

const access = at("access");
const refreshToken = at("refresh");
const ends = at("ends");

// The login id of who signed in with a password; null where a token was pasted.
export const login = at("login");

export const token = {
  get: access.get,
  refresh: refreshToken.get,
  set(value) { // as it was pasted
    access.set(value);
    refreshToken.set(null);
    ends.set(null);
  },
  take({ access_token: value, refresh_token: next, expires_in: seconds }) { // as the API made it
    access.set(value);
    refreshToken.set(next);
    ends.set(String(Date.now() + seconds * 1000)); // by this machine's clock, which may be wrong
  },
  forget: () => Object.values(KEYS).forEach((key) => sessionStorage.removeItem(key)),
};

// What a token says; null where it cannot be read. The API decides; this decides what is shown.
function claimsOf(value) {
  try {
    return JSON.parse(atob(value.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
  } catch {
    return null;
  }
}

export const scopes = () => claimsOf(access.get())?.scope?.split(" ").filter(Boolean) ?? null;
export const may = (scope) => (scopes() ?? ["admin"]).some((held) => held === scope || held === "admin");
export const sessionOf = (value = access.get()) => claimsOf(value)?.session ?? null;

export function endsAt() {
  const known = Number(ends.get());
  const { exp } = claimsOf(access.get()) ?? {};
  return known || (exp ? exp * 1000 : null);
}

export function lifetimeMs() {
  const { exp, iat } = claimsOf(access.get()) ?? {};
  return exp && iat ? (exp - iat) * 1000 : Infinity;
}
