// SPDX-License-Identifier: Apache-2.0
#include "daemon/identity/rackspace/replies.h"

#include "daemon/identity/json_tree.h"

#include <string>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace raxauth;
using namespace raxauth::identity;
using namespace raxauth::identity::rackspace;

namespace {

const std::string kFull = R"({"access":{
  "token":{"id":"T0k.en_-","expires":"2015-06-05T16:24:57.637Z",
           "tenant":{"id":"123456","name":"123456"},
           "RAX-AUTH:authenticatedBy":["PASSCODE","PASSWORD"]},
  "serviceCatalog":[{"name":"x","endpoints":[{"publicURL":"https://x/"}]}],
  "user":{"id":"abc","name":"Alice","RAX-AUTH:defaultRegion":"DFW","RAX-AUTH:domainId":"77",
          "RAX-AUTH:phonePin":"1234","email":"a@example.com",
          "roles":[{"id":"3","name":"identity:user-admin","description":"d"},
                   {"id":"6","name":"compute:default","tenantId":"123456"}]}}})";

/// kFull with one text replaced; what is to be replaced must be there.
std::string with(const std::string& what, const std::string& by) {
    std::string body = kFull;
    const std::size_t place = body.find(what);
    CHECK(place != std::string::npos);
    return body.replace(place, what.size(), by);
}

std::string nested(std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
}

bool refused(const std::string& text) {
    try {
        static_cast<void>(parse_json(text));
        return false;
    } catch (const ReplyFault&) {
        return true;
    }
}

} // namespace

TEST_GROUP(JsonTree){};

TEST(JsonTree, keeps_values_and_finds_names_letter_case_aside) {
    const JsonNode root = parse_json(R"({"A":"text","b":[1,-2,1.50,true,null,{"c":"d"}]})");

    CHECK(root.scalar("a") == "text");
    const JsonNode* list = root.find("B");
    LONGS_EQUAL(6, list->members.size());
    CHECK(list->members[0].value.scalar() == "1");
    CHECK(list->members[1].value.scalar() == "-2");
    CHECK(list->members[2].value.scalar() == "1.50");
    CHECK(list->members[3].value.text.view() == "true");
    CHECK(list->members[4].value.kind == JsonNode::Kind::Null);
    CHECK(list->members[5].value.scalar("c") == "d");
    POINTERS_EQUAL(nullptr, root.find("nobody"));
}

TEST(JsonTree, refuses_a_name_that_is_there_twice_only_where_it_is_asked_for) {
    const JsonNode root = parse_json(R"({"id":"1","x":"2","ID":"3"})");

    CHECK(root.scalar("x") == "2");
    CHECK_THROWS(ReplyFault, root.find("id"));
}

TEST(JsonTree, refuses_what_is_not_json_too_deep_or_too_much) {
    std::string many = "[0";
    for (int i = 0; i < 20'000; ++i) {
        many += ",0";
    }
    for (const std::string& text : std::vector<std::string>{
             "", " ", "{", "}", "<html>", "{\"a\":1", "{\"a\":1}x", "{\"a\":\"\xFF\"}", "[1,]",
             "{'a':1}", "nul", "\"", nested(33), nested(100'000), many + "]",
             "[" + std::string(100'000, '['), "1e999999"}) {
        CHECK_TEXT(refused(text), text.substr(0, 40).c_str());
    }
    CHECK_FALSE(refused(nested(32)));
}

TEST(JsonTree, leaves_the_catalogue_out_and_still_counts_its_depth) {
    const JsonNode root =
        parse_json(R"({"serviceCatalog":[{"a":[{"b":1}]}],"id":"x","SERVICECATALOG":{"a":"b"}})");

    LONGS_EQUAL(1, root.members.size());
    CHECK(root.scalar("id") == "x");
    CHECK(refused(R"({"serviceCatalog":)" + nested(33) + "}"));
}

TEST(JsonTree, the_text_of_a_fault_never_quotes_the_reply) {
    try {
        static_cast<void>(parse_json(R"({"token":"s3cret" "oops"})"));
        FAIL("took broken JSON");
    } catch (const ReplyFault& fault) {
        CHECK(std::string(fault.what()).find("s3cret") == std::string::npos);
        CHECK(std::string(fault.what()).find("oops") == std::string::npos);
    }
}

TEST_GROUP(TokenReply){};

TEST(TokenReply, reads_all_that_counts) {
    const TokenReply reply = read_token_reply(kFull);

    STRCMP_EQUAL("", reply.problem.c_str());
    STRCMP_EQUAL("T0k.en_-", reply.token.c_str());
    CHECK(reply.expires.has_value());
    STRCMP_EQUAL("abc", reply.user.id.c_str());
    STRCMP_EQUAL("Alice", reply.user.name.c_str());
    STRCMP_EQUAL("77", reply.user.domain_id.c_str());
    STRCMP_EQUAL("DFW", reply.user.default_region.c_str());
    STRCMP_EQUAL("123456", reply.user.tenant_id.c_str());
    LONGS_EQUAL(2, reply.user.roles.size());
    STRCMP_EQUAL("identity:user-admin", reply.user.roles[0].name.c_str());
    STRCMP_EQUAL("", reply.user.roles[0].tenant_id.c_str());
    STRCMP_EQUAL("123456", reply.user.roles[1].tenant_id.c_str());
    CHECK(reply.proven.password);
    CHECK(reply.proven.second_factor);
    CHECK_FALSE(reply.proven.api_key);
}

TEST(TokenReply, takes_the_form_without_access_and_other_letter_case) {
    const TokenReply reply = read_token_reply(
        R"({"token":{"id":"T","expires":"2015-06-05T16:24:57-06:00","rax-auth:authenticatedBy":["password"]},)"
        R"("user":{"id":172157,"name":"alice","rax-auth:domainId":5821}})");

    STRCMP_EQUAL("", reply.problem.c_str());
    STRCMP_EQUAL("172157", reply.user.id.c_str());
    STRCMP_EQUAL("5821", reply.user.domain_id.c_str());
    CHECK(reply.proven.password);
    CHECK_FALSE(reply.proven.second_factor);
}

TEST(TokenReply, proofs_are_a_set_of_words) {
    struct Row {
        const char* list;
        bool password;
        bool api_key;
        bool second;
    };
    const std::vector<Row> rows{
        {R"(["PASSWORD"])", true, false, false},
        {R"(["OTPPASSCODE","PASSWORD"])", true, false, true},
        {R"(["password","passcode"])", true, false, true},
        {R"(["APIKEY"])", false, true, false},
        {R"(["PASSCODE"])", false, false, true},
        {R"(["FEDERATED","IMPERSONATION","TOKEN","OTHER"])", false, false, false},
        {R"(["PASSWORDS","XPASSCODE",""])", false, false, false},
        {R"([1,null,["PASSWORD"],{"PASSCODE":"PASSCODE"}])", false, false, false},
        {"[]", false, false, false},
    };
    for (const Row& row : rows) {
        const TokenReply reply = read_token_reply(with(R"(["PASSCODE","PASSWORD"])", row.list));
        STRCMP_EQUAL_TEXT("", reply.problem.c_str(), row.list);
        CHECK_EQUAL_TEXT(row.password, reply.proven.password, row.list);
        CHECK_EQUAL_TEXT(row.api_key, reply.proven.api_key, row.list);
        CHECK_EQUAL_TEXT(row.second, reply.proven.second_factor, row.list);
    }
}

TEST(TokenReply, what_may_be_absent_may_be_absent) {
    const TokenReply reply = read_token_reply(
        R"({"access":{"token":{"id":"T","expires":"2015-06-05T16:24:57Z"},"user":{"id":"1","name":"a","roles":null}}})");

    STRCMP_EQUAL("", reply.problem.c_str());
    CHECK_FALSE(reply.proven.password);
    LONGS_EQUAL(0, reply.user.roles.size());
}

TEST(TokenReply, something_wrong_beside_the_token_is_a_problem_and_the_token_is_kept) {
    const std::vector<std::string> rows{
        with(R"("expires":"2015-06-05T16:24:57.637Z",)", ""),
        with("2015-06-05T16:24:57.637Z", "some day"),
        with(R"("2015-06-05T16:24:57.637Z")", "{}"),
        with(R"("id":"abc",)", ""),
        with(R"("name":"Alice",)", ""),
        with(R"("name":"Alice")", R"("name":"Alice","name":"mallory")"),
        with(R"("name":"Alice")", R"("name":"Alice","NAME":"mallory")"),
        with(R"("name":"Alice")", R"("name":["Alice"])"),
        with(R"(["PASSCODE","PASSWORD"])", R"("PASSWORD,PASSCODE")"),
        with(R"("tenant":)", R"("rax-auth:AUTHENTICATEDBY":["PASSWORD"],"tenant":)"),
        with(R"("roles":[)", R"("roles":[],"Roles":[)"),
        with(R"("roles":[)", R"("roles":["admin",)"),
        with(R"("roles":[{"id":"3","name":"identity:user-admin")",
             R"("roles":[{"id":"3","name":"a","name":"b")"),
        with(R"("tenantId":"123456")", R"("tenantId":{"id":"123456"})"),
        with(R"("user":{)", R"("user":{},"USER":{)"),
        with(R"("user":{)", R"("person":{)"),
    };
    for (const std::string& body : rows) {
        const TokenReply reply = read_token_reply(body);
        CHECK_FALSE_TEXT(reply.problem.empty(), body.c_str());
        STRCMP_EQUAL_TEXT("T0k.en_-", reply.token.c_str(), body.c_str());
        CHECK_TEXT(reply.problem.find("mallory") == std::string::npos, body.c_str());
    }
}

TEST(TokenReply, no_usable_token_is_a_problem) {
    for (const std::string& body : std::vector<std::string>{
             "{}", "[]", "null", "3", R"({"access":{}})", R"({"access":[]})",
             R"({"access":{"token":[]}})", R"({"access":{"token":{}}})",
             with(R"("id":"T0k.en_-")", R"("id":"")"), with(R"("id":"T0k.en_-")", R"("id":7)"),
             with("T0k.en_-", R"(a\r\nX-Evil: 1)"), with("T0k.en_-", "a b"),
             with("T0k.en_-", std::string(8193, 'x'))}) {
        const TokenReply reply = read_token_reply(body);
        CHECK_TEXT(reply.token.empty(), body.substr(0, 60).c_str());
        CHECK_FALSE_TEXT(reply.problem.empty(), body.substr(0, 60).c_str());
    }
    CHECK_THROWS(ReplyFault, read_token_reply(with(R"("id":"T0k.en_-")", R"("id":"a","id":"b")")));
    CHECK_THROWS(ReplyFault, read_token_reply("<html>"));
}

TEST_GROUP(FaultReply){};

TEST(FaultReply, takes_the_one_object_with_code_or_message_whatever_its_name) {
    const FaultReply fault = read_fault_reply(
        R"({"overLimit":{"code":413,"message":"OverLimit\u001b[31m Retry...","details":"x","retryAfter":"2015-06-05T16:24:57Z"}})");

    STRCMP_EQUAL("overlimit", fault.name.c_str());
    STRCMP_EQUAL("OverLimit?[31m Retry...", fault.message.c_str());
    CHECK(fault.retry_at.has_value());
    LONGS_EQUAL(0, fault.auth_code);
    CHECK(fault.says("RETRY..."));
    CHECK_FALSE(fault.says("locked"));
}

TEST(FaultReply, finds_the_error_code_in_the_message) {
    LONGS_EQUAL(4, read_fault_reply(R"({"f":{"message":"Error code: 'AUTH-004'; no"}})").auth_code);
    LONGS_EQUAL(1, read_fault_reply(R"({"f":{"message":"auth-001 expired"}})").auth_code);
    LONGS_EQUAL(0, read_fault_reply(R"({"f":{"message":"AUTH-0"}})").auth_code);
    LONGS_EQUAL(0, read_fault_reply(R"({"f":{"message":"AUTH-0x1"}})").auth_code);
}

TEST(FaultReply, anything_else_is_no_fault_body) {
    for (const char* body :
         {"", "<html>locked</html>", "[]", "null", R"("message")", R"({"message":"locked"})",
          R"({"a":{"message":"locked"},"b":{"message":"disabled"}})", R"({"a":{"message":["x"]}})",
          R"({"a":{"message":"x","message":"y"}})", R"({"a":{"text":"x"}})",
          R"([{"message":"x"}])"}) {
        const FaultReply fault = read_fault_reply(body);
        STRCMP_EQUAL_TEXT("", fault.name.c_str(), body);
        STRCMP_EQUAL_TEXT("", fault.message.c_str(), body);
    }
}
