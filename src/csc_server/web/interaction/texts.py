"""Every text of the pages, English beside Japanese, so that none is forgotten.

A catalogue of pairs instead of gettext files: a reviewer reads both languages at once and a missing one is a
type error. Placeholders are filled by `str.format`; what fills them is escaped by the templates.
"""

# ruff: noqa: RUF001 full-width punctuation is right in Japanese

from enum import StrEnum


class Language(StrEnum):
    """The languages of the pages; the values are language tags (RFC 5646)."""

    ENGLISH = "en"
    JAPANESE = "ja"

    @property
    def own_name(self) -> str:
        return {Language.ENGLISH: "English", Language.JAPANESE: "日本語"}[self]


_TEXTS: dict[str, tuple[str, str]] = {
    "skip": ("Skip to content", "本文へ移動"),
    "language": ("Language", "言語"),
    "error": ("Error", "エラー"),
    "error_summary": ("Please check the following", "次の点をご確認ください"),
    "requested_by": ("Requested by", "依頼元"),
    "client_id": ("Client ID", "クライアントID"),
    # Login
    "login_title": ("Sign in", "ログイン"),
    "login_lead": (
        "{client} asks you to continue with your remote signature account.",
        "{client} からの依頼を続けるには、リモート署名アカウントでログインしてください。",
    ),
    "username": ("User name", "ユーザー名"),
    "password": ("Password", "パスワード"),
    "account_code": ("One-time code", "ワンタイムコード"),
    "account_code_hint": (
        "Only if your account uses an authenticator app.",
        "認証アプリを設定している場合のみ入力してください。",
    ),
    "login_button": ("Sign in", "ログイン"),
    "cancel": ("Cancel", "キャンセル"),
    "login_note": (
        "Signing in alone signs nothing. You will see what is asked before you decide.",
        "ログインだけでは署名は行われません。内容を確認してから判断できます。",
    ),
    "login_wrong": (
        (
            "That did not work. Check the user name and the password, and the code if you use one. "
            "After several wrong tries an account is locked for a while."
        ),
        (
            "ログインできませんでした。ユーザー名、パスワード、お使いの場合はワンタイムコードを確認してください。"
            "繰り返し失敗すると、アカウントは一定時間ロックされます。"
        ),
    ),
    # Consent, common
    "signed_in_as": ("Signed in as {name}", "{name} としてログイン中"),
    "switch": ("Use another account", "別のアカウントを使う"),
    "refuse": ("Refuse", "拒否する"),
    "decide_by": ("Decide before", "回答期限"),
    # Consent, scope service
    "service_title": ("Allow access?", "アクセスを許可しますか？"),
    "service_lead": ("{client} asks for access to your account.", "{client} がアカウントへのアクセスを求めています。"),
    "service_may": ("If you allow it, it may", "許可すると、次のことができます"),
    "service_may_list": ("list your signing credentials", "署名用クレデンシャルの一覧を見る"),
    "service_may_read": ("read their certificates and settings", "証明書と設定を読み取る"),
    "service_may_not": ("It may not", "次のことはできません"),
    "service_may_not_sign": (
        "sign anything: each signature needs its own approval by you",
        "署名すること（署名には毎回、別の承認が必要です）",
    ),
    "service_until": ("Access ends after", "アクセスの有効期間"),
    "service_until_value": (
        "{minutes} min., unless the application renews it",
        "{minutes} 分（アプリケーションが更新しない場合）",
    ),
    "allow": ("Allow", "許可する"),
    # Consent, a credential made or deleted
    "create_title": ("Create a signing credential?", "署名用クレデンシャルを作成しますか？"),
    "create_lead": (
        "{client} asks to create a signing credential for you.",
        "{client} があなたの署名用クレデンシャルの作成を求めています。",
    ),
    "create_what": (
        "A new key and a certificate in your name are made. It signs nothing before you have its PIN.",
        "あなた名義の新しい鍵と証明書が作られます。PINを受け取るまで署名には使えません。",
    ),
    "delete_title": ("Delete a signing credential?", "署名用クレデンシャルを削除しますか？"),
    "delete_lead": (
        "{client} asks to delete this signing credential.",
        "{client} が次の署名用クレデンシャルの削除を求めています。",
    ),
    "delete_what": (
        "Its key is destroyed and cannot be brought back. What was signed with it stays signed.",
        "鍵は破棄され、元に戻せません。署名済みの文書はそのまま有効です。",
    ),
    # Consent, scope credential
    "sign_title": ("Approve signing?", "署名を承認しますか？"),
    "sign_lead": ("{client} asks you to sign.", "{client} が署名を依頼しています。"),
    "sign_what": ("What will be signed", "署名の対象"),
    "sign_count": ("Signatures", "署名の数"),
    "sign_count_value": ("up to {count}", "最大 {count} 件"),
    "documents_count": ("Documents", "文書"),
    "document": ("Document {number}", "文書 {number}"),
    "fingerprint": ("Fingerprint", "フィンガープリント"),
    "fingerprint_hint": (
        "Compare the fingerprints with those your application shows.",
        "アプリケーションに表示されるフィンガープリントと一致することを確認してください。",
    ),
    "documents_more": ("Show {count} more", "残り {count} 件を表示"),
    "documents_open": (
        "The application has not named the documents. It may sign any documents, up to the number above.",
        "対象の文書は指定されていません。アプリケーションは上記の数まで任意の文書に署名できます。",
    ),
    "documents_partly": (
        "{count} of the signatures are not bound to a document named here.",
        "署名のうち {count} 件は、ここに示す文書に限定されていません。",
    ),
    "description": ("The application says", "アプリケーションの説明"),
    "certificate": ("With which certificate", "使用する証明書"),
    "subject": ("Holder", "名義人"),
    "issuer": ("Issuer", "発行者"),
    "serial": ("Serial number", "シリアル番号"),
    "valid_to": ("Valid to", "有効期限"),
    "credential": ("Credential", "クレデンシャル"),
    "use_within": ("To be used within", "承認後の利用期限"),
    "use_within_value": ("{minutes} min. after your approval", "承認から {minutes} 分以内"),
    "evidence": ("Confirm that it is you", "本人確認"),
    "pin": ("Signing PIN", "署名用PIN"),
    "pin_hint": (
        "The PIN of this credential, not your password.",
        "ログイン用パスワードではなく、このクレデンシャルのPINです。",
    ),
    "otp": ("One-time code for signing", "署名用ワンタイムコード"),
    "otp_hint": (
        "The code your authenticator app shows for this credential.",
        "認証アプリに表示される、このクレデンシャル用のコードです。",
    ),
    "approve": ("Approve and sign", "承認して署名する"),
    "pin_missing": ("Enter the signing PIN.", "署名用PINを入力してください。"),
    "otp_missing": ("Enter the one-time code.", "ワンタイムコードを入力してください。"),
    "pin_wrong": ("The signing PIN is not right.", "署名用PINが正しくありません。"),
    "otp_wrong": (
        "The one-time code is not right or was used already. Wait for the next one.",
        "ワンタイムコードが正しくないか、使用済みです。次のコードを待って入力してください。",
    ),
    "locked": (
        (
            "This credential is locked after too many wrong tries. Nothing was signed. "
            "Try again later or ask your provider."
        ),
        (
            "入力の誤りが続いたため、このクレデンシャルはロックされています。署名は行われていません。"
            "時間をおいて再度お試しになるか、提供者にお問い合わせください。"
        ),
    ),
    "back": ("Return to the application", "アプリケーションに戻る"),
    # Requests that wait for the signer
    "approvals_login_lead": (
        "Sign in to see which applications wait for your approval.",
        "承認を待っている依頼を確認するには、ログインしてください。",
    ),
    "approvals_title": ("Requests waiting for you", "承認待ちの依頼"),
    "approvals_lead": (
        "Approve only what you have just asked an application to do.",
        "ご自身がアプリケーションで操作した依頼だけを承認してください。",
    ),
    "approvals_none": ("Nothing waits for your approval.", "承認待ちの依頼はありません。"),
    "approvals_open": ("View and decide", "内容を確認して判断する"),
    "approvals_reload": ("Look again", "再読み込み"),
    "approvals_back": ("All requests", "依頼の一覧"),
    "approvals_approved": (
        "Approved. The application can sign now; go back to it.",
        "承認しました。アプリケーションに戻ると署名が続行されます。",
    ),
    "approvals_refused": ("Refused. Nothing was signed.", "拒否しました。署名は行われていません。"),
    "approvals_caution": (
        "If you did not start this yourself, refuse it and tell your provider.",
        "心当たりのない依頼は拒否し、提供者に連絡してください。",
    ),
    "log_out": ("Sign out", "ログアウト"),
    # Messages
    "ended_title": ("This request has ended", "この依頼は終了しました"),
    "ended_text": (
        "The PIN or code was wrong too often. Nothing was signed. Start again in your application.",
        "PINまたはコードの誤りが続いたため終了しました。署名は行われていません。アプリケーションからやり直してください。",
    ),
    "expired_title": ("This request has expired", "この依頼は期限切れです"),
    "expired_text": (
        "Nothing was signed. Go back to your application and start again.",
        "署名は行われていません。アプリケーションに戻り、最初からやり直してください。",
    ),
    "finished_title": ("This request is finished", "この依頼は完了しています"),
    "finished_text": (
        "It was answered already. You can close this page.",
        "すでに回答済みです。このページを閉じてください。",
    ),
    "foreign_title": ("This request cannot be opened here", "この依頼はここでは開けません"),
    "foreign_text": (
        "It is unknown or was opened in another browser. Go back to your application and start again.",
        "依頼が存在しないか、別のブラウザーで開かれています。アプリケーションに戻り、最初からやり直してください。",
    ),
    "forbidden_title": ("This form could not be accepted", "フォームを受け付けられませんでした"),
    "forbidden_text": (
        (
            "It did not come from the page we sent to this browser. Nothing was signed. "
            "Open the request again from your application."
        ),
        (
            "このブラウザーに表示したページからの送信ではありません。署名は行われていません。"
            "アプリケーションから依頼を開き直してください。"
        ),
    ),
    "malformed_title": ("The request is not complete", "リクエストが正しくありません"),
    "malformed_text": (
        "Nothing was signed. Go back to your application and start again.",
        "署名は行われていません。アプリケーションに戻り、最初からやり直してください。",
    ),
    "unavailable_title": ("The service is busy", "ただいま混み合っています"),
    "unavailable_text": (
        "Please wait a few seconds and load this page again.",
        "数秒待ってから、このページを再読み込みしてください。",
    ),
}


class Texts:
    """The texts of one language."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._index = list(Language).index(language)

    def __call__(self, key: str, **values: object) -> str:
        """Return a text with its placeholders filled."""
        return _TEXTS[key][self._index].format(**values)


def text_keys() -> frozenset[str]:
    """Return the keys of all texts, for the tests that compare them with the templates."""
    return frozenset(_TEXTS)
