"""The words of the mails: of each template and language the subject and the paragraphs.

A paragraph names its fields in braces; {action} is a link, or a token or id where there is none.
"""

from collections.abc import Mapping

from commerce.shared.languages import Language

TEXTS: Mapping[tuple[str, Language], tuple[str, tuple[str, ...]]] = {
    ("VERIFICATION", "en"): (
        "Confirm your e-mail address",
        (
            "Hello {login_id},",
            (
                "please confirm that this is the address of your account. It can be done once,"
                " within 24 hours:"
            ),
            "{action}",
            "If you have no account with us, somebody mistyped their address. You need do nothing.",
        ),
    ),
    ("VERIFICATION", "ko"): (
        "이메일 주소를 확인해 주세요",
        (
            "{login_id}님, 안녕하세요.",
            (
                "이 주소가 회원님 계정의 이메일 주소인지 확인해 주세요. 24시간 안에 한 번만 사용할"
                " 수 있습니다."
            ),
            "{action}",
            "가입한 적이 없다면 다른 사람이 주소를 잘못 입력한 것이니 이 메일을 무시하셔도 됩니다.",
        ),
    ),
    ("PASSWORD_RESET", "en"): (
        "Choose a new password",
        (
            "Hello {login_id},",
            (
                "somebody asked for a new password for your account. It can be chosen once,"
                " within an hour, and ends all of your sessions:"
            ),
            "{action}",
            "If it was not you, do nothing: your password stays as it is.",
        ),
    ),
    ("PASSWORD_RESET", "ko"): (
        "비밀번호를 다시 설정해 주세요",
        (
            "{login_id}님, 안녕하세요.",
            (
                "비밀번호 재설정이 요청되었습니다. 1시간 안에 한 번만 사용할 수 있으며,"
                " 재설정하면 모든 기기에서 로그아웃됩니다."
            ),
            "{action}",
            "직접 요청하지 않았다면 이 메일을 무시하세요. 비밀번호는 그대로 유지됩니다.",
        ),
    ),
    ("EMAIL_CHANGED", "en"): (
        "Your account has another e-mail address",
        (
            "Hello {login_id},",
            "your account has another e-mail address now. We write to this one for the last time.",
            (
                "If you did not change it, somebody knows your password: sign in with your login"
                " id, choose another password, end all other sessions, and change the address back."
            ),
        ),
    ),
    ("EMAIL_CHANGED", "ko"): (
        "계정의 이메일 주소가 변경되었습니다",
        (
            "{login_id}님, 안녕하세요.",
            "계정의 이메일 주소가 변경되었습니다. 이 주소로는 더 이상 메일을 보내지 않습니다.",
            (
                "직접 변경하지 않았다면 비밀번호가 유출된 것입니다. 로그인 아이디로 로그인하여"
                " 비밀번호를 바꾸고, 다른 모든 기기에서 로그아웃한 뒤 주소를 되돌려 주세요."
            ),
        ),
    ),
    ("PASSWORD_CHANGED", "en"): (
        "Your password has been changed",
        (
            "Hello {login_id},",
            "the password of your account has been changed, and all other sessions have ended.",
            (
                "If you did not change it, somebody else did: choose a new password right away"
                ' with "Forgot password", and make sure that nobody else can read your mail.'
            ),
        ),
    ),
    ("PASSWORD_CHANGED", "ko"): (
        "비밀번호가 변경되었습니다",
        (
            "{login_id}님, 안녕하세요.",
            "계정의 비밀번호가 변경되었고, 다른 모든 기기에서 로그아웃되었습니다.",
            (
                "직접 변경하지 않았다면 다른 사람이 변경한 것입니다. 바로 비밀번호 찾기로 새"
                " 비밀번호를 설정하고, 다른 사람이 회원님의 메일을 볼 수 없는지 확인해 주세요."
            ),
        ),
    ),
    ("ORDER_CONFIRMED", "en"): (
        "Your order is confirmed",
        (
            "Hello {login_id},",
            "thank you for your order. It is paid, and will be sent to you:",
            "{lines}",
            "Total: {total}",
            "{action}",
        ),
    ),
    ("ORDER_CONFIRMED", "ko"): (
        "주문이 확정되었습니다",
        (
            "{login_id}님, 안녕하세요.",
            "주문해 주셔서 감사합니다. 결제가 완료되었으며 곧 발송해 드리겠습니다.",
            "{lines}",
            "합계: {total}",
            "{action}",
        ),
    ),
    ("ORDER_SHIPPED", "en"): (
        "Your order is on its way",
        (
            "Hello {login_id},",
            "your order has been handed over for delivery.",
            "Carrier: {carrier}\nTracking number: {tracking_number}",
            "{action}",
        ),
    ),
    ("ORDER_SHIPPED", "ko"): (
        "주문하신 상품이 발송되었습니다",
        (
            "{login_id}님, 안녕하세요.",
            "주문하신 상품을 발송했습니다.",
            "배송사: {carrier}\n운송장 번호: {tracking_number}",
            "{action}",
        ),
    ),
    ("REFUNDED", "en"): (
        "Your money is on its way back",
        (
            "Hello {login_id},",
            (
                "we have refunded {amount} to the card that you paid with. Your bank may take some"
                " days to show it. This is what you paid:"
            ),
            "{action}",
        ),
    ),
    ("REFUNDED", "ko"): (
        "환불이 처리되었습니다",
        (
            "{login_id}님, 안녕하세요.",
            (
                "결제하신 카드로 {amount}을 환불했습니다. 카드사에 따라 며칠 후에 반영될 수"
                " 있습니다. 환불된 결제는 다음과 같습니다."
            ),
            "{action}",
        ),
    ),
    ("POINTS_REFUNDED", "en"): (
        "Your points are back",
        (
            "Hello {login_id},",
            "we have refunded {amount} in points. You can use them at once. This is your order:",
            "{action}",
        ),
    ),
    ("POINTS_REFUNDED", "ko"): (
        "포인트가 환불되었습니다",
        (
            "{login_id}님, 안녕하세요.",
            (
                "{amount}만큼의 포인트를 환불했습니다. 바로 사용하실 수 있습니다. 환불된"
                " 주문은 다음과 같습니다."
            ),
            "{action}",
        ),
    ),
    ("OFFER_MADE", "en"): (
        "It is your turn: a unit is yours until {claim_until}",
        (
            "Hello {login_id},",
            (
                "{product} is offered to you. Order it before {claim_until}; after that it is"
                " offered to the next in line."
            ),
            "{action}",
        ),
    ),
    ("OFFER_MADE", "ko"): (
        "차례가 되었습니다: {claim_until}까지 주문해 주세요",
        (
            "{login_id}님, 안녕하세요.",
            (
                "{product} 상품을 구매하실 차례입니다. {claim_until} 전에 주문해 주세요. 시간이"
                " 지나면 다음 분께 기회가 넘어갑니다."
            ),
            "{action}",
        ),
    ),
}
