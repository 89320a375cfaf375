"""API keys: how machines call what staff may call."""

from commerce.user.api_keys.commands import CreateApiKey
from commerce.user.api_keys.errors import ApiKeyNotFound, ExpiresTooEarly
from commerce.user.api_keys.facade import ApiKeyFacade
from commerce.user.api_keys.repository import ApiKeyRepository
from commerce.user.api_keys.views import ApiKeyView, NewApiKeyView

__all__ = [
    "ApiKeyFacade", "ApiKeyNotFound", "ApiKeyRepository", "ApiKeyView", "CreateApiKey",
    "ExpiresTooEarly", "NewApiKeyView",
]  # fmt: skip
