"""The external payment gateway, as far as this shop knows it.

    GATEWAY_SECRET=… python -m infra.local.gateway --port 18082 [--state FILE] [--time-scale N]

For shops, each answer in an envelope meta{result SUCCESS | FAIL, errorCode, message} + data:

POST /api/v1/tokens              cardType, cardNo -> token, good for one payment within 15 minutes;
                                 a browser asks for it, and GET / is a page that does
POST /api/v1/payments            X-USER-ID; orderId (6 characters or more), cardType, cardNo or
                                 token, amount, callbackUrl -> transactionKey, status PENDING;
                                 400 TOKEN_UNKNOWN, 409 TOKEN_USED, TOKEN_EXPIRED
GET  /api/v1/payments/{key}      orderId, cardType, cardNo (masked), amount, status PENDING |
                                 SUCCESS | FAILED, reason, refund (null until there is one)
GET  /api/v1/payments?orderId=   the order's transactions, without amounts; 404 where none is
POST /api/v1/payments/{key}/refunds  amount (all of it) -> refundKey, status REFUNDED; of a
                                 SUCCESS only, once: asked again, the answer is the same

X-USER-ID is needed to pay; elsewhere it may be left out, and where it is given, another user's
payments are not found. An orderId may be paid twice: who asks twice is charged twice.
The result is posted to callbackUrl once and never again, as GET shows it, with the headers
X-Gateway-Timestamp (seconds since the epoch) and X-Gateway-Signature, the hexadecimal HMAC-SHA256
of "{timestamp}.{body}" under GATEWAY_SECRET.

For those who test a shop:

PUT  /behaviour     {"mode": …, "times": n or null, "seconds": number, "seed": n or null,
                     "on": payments | queries | refunds | all, "result": SUCCESS | LIMIT_EXCEEDED |
                     INVALID_CARD or null}
GET  /behaviour     the behaviour now, with the times that are left
GET  /transactions  every payment taken, oldest first: as GET shows it, and userId, created_at,
                    charged_at, refunded_at, callbacks with what each was answered; ?orderId=
GET  /requests      what shops asked, with what became of it (taken, failed, refused, hung,
                    answered, not found), and counts; ?orderId=
POST /reset         forget everything, behave by default

mode
  default           takes 100 to 500 ms; 40 % answer 500 before anything is stored; the result
                    comes after 1 to 5 s: 70 % SUCCESS, 20 % LIMIT_EXCEEDED, 10 % INVALID_CARD
  healthy           never answers 500, always SUCCESS
  refuse            answers 400 INVALID_CARD at once, nothing is stored
  error             answers 500 at once, nothing is stored
  hang              no answer until the caller gives up or the behaviour is changed; nothing is
                    stored, neither then nor later
  slow              stores, then answers after `seconds`
  charge_then_hang  stores and charges at once, then gives no answer; the callback follows
  lose_callback     the result is never posted
  double_callback   the result is posted twice, at the same time
  delay_callback    the result is posted `seconds` after it is there
  wrong_amount      what is posted names another amount than was charged

Only `default` leaves anything to chance: in the other modes what is stored becomes SUCCESS, or
`result` where that is given. `times` is how many requests the behaviour applies to before the one
that stood for ever until then does again; null is for ever. `on` lets queries and refunds fail,
hang or be slow too; requests that it does not mean are met as by `healthy`. The same `seed`
brings the same fates: the n-th order that asks has the n-th fate, each of its tries its own,
whatever its id, and however requests overtake each other. `--time-scale` multiplies how long
requests and results take, never `seconds`. A killed gateway, started again on its state file,
settles what it had taken, and knows no token any more. For a refused connection, stop the process.
"""

from infra.local.gateway.behaviour import Behaviour, Mode, Result
from infra.local.gateway.server import GatewayServer
from infra.local.gateway.start import gateway_secret, start_gateway
from infra.local.gateway.system import Gateway, signed

__all__ = [
    "Behaviour",
    "Gateway",
    "GatewayServer",
    "Mode",
    "Result",
    "gateway_secret",
    "signed",
    "start_gateway",
]
