"""`POST /v1/reload`: read the configuration again and preview or apply it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from aiohttp import web

from controller.api.http.problems import ProblemError
from controller.api.http.request_bodies import PostedReload
from controller.api.http.response_bodies import View
from controller.api.http.responses import json_response
from controller.api.http.route import Route, RouteCall, RouteResponse
from controller.loops.reload.proposal import ReloadProposal
from controller.loops.reload.reload import ReloadRefusedError
from controller.model.access import Role
from controller.model.errors import InvalidSettingsError
from controller.planning.account.moves import ShareMove
from controller.settings.difference import Difference


class ReloadView(View):
    """What a reload changes, or would change."""

    applied: bool
    """Whether these settings are active now."""
    settings_hash: str
    """A short name for exactly these settings."""
    accept: str
    """What to send as `accept` to agree to exactly this."""
    refusal: str | None
    """Why it would be refused without `accept`; null when it would not."""
    differences: tuple[Difference, ...]
    """Keys that differ from the active settings."""
    moves: tuple[ShareMove, ...]
    """Shares of traffic that become others by it."""
    void_overrides: Mapping[int, str]
    """Overrides that would order nothing any more, by their ids, and why."""
    text: str
    """The same in words."""


async def _reload(call: RouteCall) -> web.Response:
    posted = call.body(PostedReload)
    reload = call.dependencies.reload
    try:
        if posted.dry_run:
            proposal = await reload.propose()
            return json_response(_view(proposal, proposal.refusal(posted.accept), applied=False))
        return json_response(
            _view(await reload.reload(call.principal.name, posted.accept), applied=True)
        )
    except InvalidSettingsError as error:
        raise _invalid(error) from error
    except ReloadRefusedError as refused:
        current = _view(refused.proposal, str(refused), applied=False)
        raise ProblemError(409, str(refused), more={"current": current}) from refused


def _view(proposal: ReloadProposal, refusal: str = "", *, applied: bool) -> ReloadView:
    return ReloadView(
        applied=applied,
        settings_hash=proposal.settings_hash,
        accept=proposal.hash,
        refusal=refusal or None,
        differences=proposal.differences,
        moves=proposal.moves,
        void_overrides=proposal.void,
        text=proposal.text,
    )


def _invalid(error: InvalidSettingsError) -> ProblemError:
    """A 422 with every mistake in its text and in `problems`; neither has what may be a secret."""
    lines = [f"the configuration cannot be used, and the one in force stays: {error}"]
    lines += [f"  {problem.one_line(error.source)}" for problem in error.problems]
    mistakes = [
        {key: value for key, value in asdict(problem).items() if key != "confidential"}
        for problem in error.problems
    ]
    return ProblemError(422, "\n".join(lines), more={"problems": mistakes})


ROUTES = (
    Route(
        "POST",
        "/v1/reload",
        _reload,
        summary="Read the configuration again and put it in force",
        description=(
            "All of it between two cycles, or nothing. Refused when a key differs that is read at "
            "the start only, when a bound pool's users could leave their lawful regions by it and "
            "could not before, and when more than one region would lose traffic, unless `accept` "
            "names exactly this plan. With `dry_run` it is only shown."
        ),
        role=Role.ADMIN,
        body=PostedReload,
        body_example={"dry_run": True},
        responses={200: RouteResponse("What has changed, or would change.", ReloadView)},
        problems=(409, 503),
    ),
)
