# SPDX-License-Identifier: Apache-2.0
"""A hundred people at the same moment."""

import contextlib

from throwaway import CROWD


def test_a_hundred_people_sign_in_at_once_and_each_gets_a_verdict_of_their_own(host):
    with contextlib.ExitStack() as stack:
        probes = {name: stack.enter_context(host.start_probe("raxauth-alone", name,
                                                             items={"rhost": f"192.0.2.{i + 1}"}))
                  for i, name in enumerate(CROWD)}
        for probe in probes.values():
            probe.question("password")
        with host.caller() as root:
            assert root.property("LiveConversations") == len(CROWD)
        for i, (name, probe) in enumerate(probes.items()):
            probe.answer("wrong" if i % 10 == 9 else host.identity.password(name))
        for i, (name, probe) in enumerate(probes.items()):
            if i % 10 != 9:
                probe.question("passcode")
                probe.answer(host.identity.sms(name))
        codes = {name: probe.finish().code for name, probe in probes.items()}
    wanted = {name: "PAM_AUTH_ERR" if i % 10 == 9 else "PAM_SUCCESS" for i, name in enumerate(CROWD)}
    assert codes == wanted
    posts = host.identity.posts()
    assert len(posts) == 100 + 90
    assert host.identity.sms_count() == 90


def test_more_conversations_than_the_limit_are_refused_and_the_live_ones_go_on(host):
    host.configure({"limits": {"conversations": 20}})  # strangers have fifteen of them
    with contextlib.ExitStack() as stack:
        live = [stack.enter_context(host.start_probe("raxauth-alone", name,
                                                     items={"rhost": f"192.0.2.{i}"}))
                for i, name in enumerate(CROWD[:15], 1)]
        for probe in live:
            probe.question("password")
        refused = host.probe("raxauth-alone", CROWD[30], items={"rhost": "192.0.2.30"})
        assert refused.code == "PAM_AUTHINFO_UNAVAIL", refused.events
        assert refused.prompts == []
        live[0].answer(host.identity.password(CROWD[0]))
        live[0].question("passcode")
        live[0].answer(host.identity.sms(CROWD[0]))
        assert live[0].finish().code == "PAM_SUCCESS"


def test_one_account_from_one_origin_cannot_take_all_conversations(host):
    host.configure({"limits": {"conversations_per_user": 4}})
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            probe = stack.enter_context(host.start_probe("raxauth-alone", "alice",
                                                         items={"rhost": "192.0.2.1"}))
            probe.question("password")
        fifth = host.probe("raxauth-alone", "alice", items={"rhost": "192.0.2.1"})
        assert fifth.code == "PAM_AUTHINFO_UNAVAIL", fifth.events
        elsewhere = stack.enter_context(host.start_probe("raxauth-alone", "alice",
                                                         items={"rhost": "192.0.2.2"}))
        elsewhere.question("password")
