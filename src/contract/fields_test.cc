#include "contract/fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <set>

#include "base/json_writer.h"
#include "contract/forms.h"

namespace sluice::contract {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string chat(std::string_view rest) {
  return R"({"messages":[{"role":"user","content":"hi"}])" + std::string(rest) + "}";
}

Error chat_error(std::string_view body) {
  auto parsed = parse_request(openai_chat_fields(), body);
  EXPECT_FALSE(parsed.has_value()) << body.substr(0, 200);
  return parsed ? Error{} : parsed.error().to_error();
}

ParsedRequest chat_ok(std::string_view body) {
  auto parsed = parse_request(openai_chat_fields(), body);
  EXPECT_TRUE(parsed.has_value()) << body << " " << parsed.error().to_error().message();
  return parsed ? std::move(*parsed) : ParsedRequest{};
}

std::string repeat(std::string_view text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}

struct BadField {
  const char* rest;   // after the messages
  const char* where;  // the path that the refusal names
  const char* what;   // part of what it says
};

class BadChatField : public testing::TestWithParam<BadField> {};

TEST_P(BadChatField, IsRefusedByPath) {
  const Error error = chat_error(chat(GetParam().rest));
  EXPECT_EQ(error.where, GetParam().where);
  EXPECT_THAT(error.what, HasSubstr(GetParam().what));
}

INSTANTIATE_TEST_SUITE_P(
    Fields, BadChatField,
    testing::ValuesIn(std::initializer_list<BadField>{
        {R"(,"temperature":-0.1)", "temperature", "must be from 0 to 2"},
        {R"(,"temperature":2.01)", "temperature", "must be from 0 to 2"},
        {R"(,"temperature":"1")", "temperature", "must be a number, not a string"},
        {R"(,"temperature":true)", "temperature", "must be a number, not a boolean"},
        {R"(,"temperature":[1])", "temperature", "not an array"},
        {R"(,"temperature":{})", "temperature", "not an object"},
        {R"(,"temperature":"NaN")", "temperature", "must be a number"},
        {R"(,"temperature":1e308)", "temperature", "must be from 0 to 2"},
        {R"(,"top_p":0)", "top_p", "above 0 and at most 1"},
        {R"(,"top_p":1.0001)", "top_p", "above 0 and at most 1"},
        {R"(,"top_p":-1)", "top_p", "above 0"},
        {R"(,"top_p":"x")", "top_p", "must be a number"},
        {R"(,"top_k":-2)", "top_k", "must be from -1"},
        {R"(,"top_k":1.5)", "top_k", "not a fraction"},
        {R"(,"top_k":2147483648)", "top_k", "must be from -1 to 2147483647"},
        {R"(,"min_p":-0.1)", "min_p", "must be from 0 to 1"},
        {R"(,"min_p":1.1)", "min_p", "must be from 0 to 1"},
        {R"(,"repetition_penalty":0)", "repetition_penalty", "above 0 and at most 2"},
        {R"(,"repetition_penalty":2.1)", "repetition_penalty", "at most 2"},
        {R"(,"presence_penalty":2.1)", "presence_penalty", "must be from -2 to 2"},
        {R"(,"presence_penalty":-2.1)", "presence_penalty", "must be from -2 to 2"},
        {R"(,"frequency_penalty":3)", "frequency_penalty", "must be from -2 to 2"},
        {R"(,"frequency_penalty":-3)", "frequency_penalty", "must be from -2 to 2"},
        {R"(,"max_tokens":0)", "max_tokens", "must be from 1"},
        {R"(,"max_tokens":-5)", "max_tokens", "must be from 1"},
        {R"(,"max_tokens":2147483648)", "max_tokens", "to 2147483647"},
        {R"(,"max_tokens":9223372036854775808)", "max_tokens", "to 2147483647"},
        {R"(,"max_tokens":1e30)", "max_tokens", "to 2147483647"},
        {R"(,"max_tokens":"50")", "max_tokens", "must be an integer, not a string"},
        {R"(,"max_tokens":true)", "max_tokens", "not a boolean"},
        {R"(,"max_tokens":[])", "max_tokens", "not an array"},
        {R"(,"max_completion_tokens":0)", "max_completion_tokens", "must be from 1"},
        {R"(,"max_completion_tokens":1.5)", "max_completion_tokens", "not a fraction"},
        {R"(,"min_tokens":-1)", "min_tokens", "must be from 0"},
        {R"(,"min_tokens":{})", "min_tokens", "must be an integer"},
        {R"(,"n":0)", "n", "must be from 1 to 16"},
        {R"(,"n":17)", "n", "must be from 1 to 16"},
        {R"(,"n":"2")", "n", "must be an integer"},
        {R"(,"stream":"true")", "stream", "must be a boolean, not a string"},
        {R"(,"stream":1)", "stream", "must be a boolean, not an integer"},
        {R"(,"stream":[])", "stream", "must be a boolean"},
        {R"(,"stream_options":true)", "stream_options", "must be an object"},
        {R"(,"stream_options":{"include_usage":1})", "stream_options.include_usage", "boolean"},
        {R"(,"seed":"x")", "seed", "must be an integer"},
        {R"(,"seed":1.5)", "seed", "not a fraction"},
        {R"(,"seed":18446744073709551615)", "seed", "must be from"},
        {R"(,"stop":"")", "stop", "must not be empty"},
        {R"(,"stop":[""])", "stop[0]", "must not be empty"},
        {R"(,"stop":["a",1])", "stop[1]", "must be a string, not an integer"},
        {R"(,"stop":[["a"]])", "stop[0]", "must be a string, not an array"},
        {R"(,"stop":{})", "stop", "must be a string or an array"},
        {R"(,"stop":5)", "stop", "must be a string or an array"},
        {R"(,"stop":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17])", "stop", "at most 16 items"},
        {R"(,"stop_token_ids":"1")", "stop_token_ids", "must be an array"},
        {R"(,"stop_token_ids":[-1])", "stop_token_ids[0]", "must be from 0"},
        {R"(,"stop_token_ids":[1,"2"])", "stop_token_ids[1]", "must be an integer"},
        {R"(,"stop_token_ids":[4294967296])", "stop_token_ids[0]", "to 2147483647"},
        {R"(,"logit_bias":[])", "logit_bias", "must be an object"},
        {R"(,"logit_bias":{"x":1})", "logit_bias.x", "a key must be a token id"},
        {R"(,"logit_bias":{"-1":1})", "logit_bias.-1", "a key must be a token id"},
        {R"(,"logit_bias":{"99999999999":1})", "logit_bias.99999999999", "token id"},
        {R"(,"logit_bias":{"5":101})", "logit_bias.5", "must be from -100 to 100"},
        {R"(,"logit_bias":{"5":"1"})", "logit_bias.5", "must be a number"},
        {R"(,"ignore_eos":"no")", "ignore_eos", "must be a boolean"},
        {R"(,"include_stop_str_in_output":0)", "include_stop_str_in_output", "boolean"},
        {R"(,"user":5)", "user", "must be a string"},
        {R"(,"model":5)", "model", "must be a string"},
        {R"(,"model":["a"])", "model", "must be a string"},
        {R"(,"priority":"high")", "priority", "must be an integer"},
        {R"(,"priority":3000000000)", "priority", "must be from"},
        {R"(,"cache_salt":"")", "cache_salt", "must not be empty"},
        {R"(,"cache_salt":1)", "cache_salt", "must be a string"},
        {R"(,"metadata":"x")", "metadata", "must be an object"},
        {R"(,"store":"x")", "store", "must be a boolean"},
        {R"(,"add_generation_prompt":"x")", "add_generation_prompt", "must be a boolean"},
        {R"(,"continue_final_message":"x")", "continue_final_message", "must be a boolean"},
        {R"(,"continue_final_message":true,"add_generation_prompt":true)", "continue_final_message",
         "cannot be combined"},
        {R"(,"chat_template_kwargs":[])", "chat_template_kwargs", "must be an object"},
        {R"(,"tools":{})", "tools", "must be an array"},
        {R"(,"tools":[{"type":"function"}])", "tools", "not supported yet"},
        {R"(,"tool_choice":"required")", "tool_choice", "not supported yet"},
        {R"(,"tool_choice":{"type":"function"})", "tool_choice", "not supported yet"},
        {R"(,"tool_choice":"sometimes")", "tool_choice", "must be 'none'"},
        {R"(,"logprobs":true)", "logprobs", "not supported yet"},
        {R"(,"top_logprobs":5)", "top_logprobs", "not supported yet"},
        {R"(,"response_format":{"type":"json_object"})", "response_format.type", "not supported"},
        {R"(,"response_format":{})", "response_format.type", "is required"},
        {R"(,"response_format":"text")", "response_format", "must be an object"},
        {R"(,"guided_json":{"type":"object"})", "guided_json", "not supported yet"},
        {R"(,"guided_regex":"a+")", "guided_regex", "not supported yet"},
        {R"(,"guided_choice":["a"])", "guided_choice", "not supported yet"},
        {R"(,"guided_grammar":"x")", "guided_grammar", "not supported yet"},
        {R"(,"structured_outputs":{"regex":"x"})", "structured_outputs", "not supported yet"},
        {R"(,"functions":[{}])", "functions", "not supported yet"},
        {R"(,"n":1,"n":2)", "n", "more than once"},
        {R"(,"x":{"a":1,"a":1})", "x.a", "more than once"},
        {R"(,"user":"\udc00")", "", "lone surrogate"},
        {R"(,"x":["\udfff"])", "", "lone surrogate"},
    }));

class BadMessages : public testing::TestWithParam<BadField> {};

TEST_P(BadMessages, AreRefusedByPath) {
  const Error error = chat_error(std::string(R"({"messages":)") + GetParam().rest + "}");
  EXPECT_EQ(error.where, GetParam().where);
  EXPECT_THAT(error.what, HasSubstr(GetParam().what));
}

INSTANTIATE_TEST_SUITE_P(
    Messages, BadMessages,
    testing::ValuesIn(std::initializer_list<BadField>{
        {"[]", "messages", "at least 1 item"},
        {"null", "messages", "must be an array, not null"},
        {"{}", "messages", "must be an array"},
        {R"("hi")", "messages", "must be an array"},
        {"5", "messages", "must be an array"},
        {"[5]", "messages[0]", "must be an object"},
        {"[null]", "messages[0]", "must be an object"},
        {"[[]]", "messages[0]", "must be an object"},
        {"[{}]", "messages[0].role", "is required"},
        {R"([{"role":"user"}])", "messages[0].content", "is required"},
        {R"([{"role":"user","content":null}])", "messages[0].content", "is required"},
        {R"([{"role":"user","content":5}])", "messages[0].content", "must be a string or"},
        {R"([{"role":"user","content":{}}])", "messages[0].content", "must be a string or"},
        {R"([{"role":"robot","content":"x"}])", "messages[0].role", "must be 'system'"},
        {R"([{"role":5,"content":"x"}])", "messages[0].role", "must be a string"},
        {R"([{"role":"","content":"x"}])", "messages[0].role", "must be 'system'"},
        {R"([{"role":"assistant"}])", "messages[0].content", "is required"},
        {R"([{"role":"user","content":["x"]}])", "messages[0].content[0]", "an object"},
        {R"([{"role":"user","content":[{}]}])", "messages[0].content[0].type", "is required"},
        {R"([{"role":"user","content":[{"type":"text"}]}])", "messages[0].content[0].text",
         "is required"},
        {R"([{"role":"user","content":[{"type":"text","text":1}]}])", "messages[0].content[0].text",
         "must be a string"},
        {R"([{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}])",
         "messages[0].content[0].type", "only text parts"},
        {R"([{"role":"user","content":"x","name":5}])", "messages[0].name", "must be a string"},
        {R"([{"role":"assistant","content":"x","tool_calls":{}}])", "messages[0].tool_calls",
         "must be an array"},
        {R"([{"role":"tool","content":"x","tool_call_id":5}])", "messages[0].tool_call_id",
         "must be a string"},
        {R"([{"role":"user","content":"x"},{"role":"user","content":["\udc12"]}])", "",
         "lone surrogate"},
    }));

class BadJson : public testing::TestWithParam<std::string> {};

TEST_P(BadJson, IsRefusedByBothFamilies) {
  const auto parsed = parse_request(openai_chat_fields(), GetParam());
  ASSERT_FALSE(parsed.has_value());
  EXPECT_FALSE(parsed.error().to_error().what.empty());
  const auto classic = parse_request_lax(classic_generate_fields(), GetParam());
  ASSERT_FALSE(classic.has_value());
  EXPECT_THAT(validation_body(classic.error(), "body"), HasSubstr(R"("loc":["body")"));
}

INSTANTIATE_TEST_SUITE_P(
    Syntax, BadJson,
    testing::Values("", " ", "{", "}", "[", "]", "[]", "null", "true", "5", "\"x\"", "{]",
                    "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}", "{'a':1}", "{a:1}", "{\"a\":01}",
                    "{\"a\":+1}", "{\"a\":.5}", "{\"a\":1.}", "{\"a\":1e}", "{\"a\":1e400}",
                    "{\"a\":-1e400}", "{\"a\":NaN}", "{\"a\":Infinity}", "{\"a\":nul}",
                    "{\"a\":tru}", "{\"a\":\"x}", "{\"a\":\"\\x\"}", "{\"a\":\"\\u12\"}",
                    "{\"a\":\"\\ud800\"}", "{\"a\":\"\\ud800x\"}", "{\"a\":\"\\ud800\\u0041\"}",
                    "{\"a\":\"\n\"}", std::string("{\"a\":\"\0\"}", 9), "{\"a\":\"\xff\"}",
                    "{\"a\":\"\xc0\x80\"}", "{\"a\":\"\xed\xa0\x80\"}", "{\"a\":1}{\"b\":2}",
                    "{\"a\":1} x", "\xef\xbb\xbf{}", "{\"a\":123456789012345678901234567890}",
                    "{\"\\udc00\":1}", repeat("[", 200),
                    repeat("{\"a\":", 200) + "1" + repeat("}", 200),
                    repeat("[", 10'000) + repeat("]", 10'000)));

TEST(RequestFields, EveryProblemIsNamedWithItsPathAndTheFirstLeads) {
  const Error error =
      chat_error(R"({"messages":[{"role":"x","content":1}],"top_p":7,"n":"2","stream":3})");
  EXPECT_EQ(error.where, "messages[0].role");
  for (const char* part : {"messages[0].content: ", "top_p: ", "n: ", "stream: "}) {
    EXPECT_THAT(error.what, HasSubstr(part));
  }
  EXPECT_EQ(error.code, Code::kInvalidArgument);
  EXPECT_EQ(chat_error(chat(R"(,"logprobs":true)")).code, Code::kUnsupported);
}

TEST(RequestFields, ManyProblemsMakeABoundedAnswer) {
  const Error error = chat_error(R"({"messages":[0)" + repeat(",0", 100'000) + "]}");
  EXPECT_LT(error.what.size(), 8000U);
  EXPECT_THAT(error.what, HasSubstr("more"));
  const auto stops = chat_error(chat(R"(,"stop":["x")" + repeat(R"(,"x")", 999) + "]"));
  EXPECT_THAT(stops.what, HasSubstr("at most 16 items, not 1000"));
}

TEST(RequestFields, ABodyOfMillionsOfProblemsIsRefusedForItsFirstFew) {
  const std::string body = R"({"messages":[)" + repeat("0,", 4'000'000) + "0]}";
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(chat_error(body).what, HasSubstr("; and more"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
}

TEST(RequestFields, NestingIsAllowedUpToItsBound) {
  const auto nested = [](int depth) {
    return chat(R"(,"x":)" + repeat("[", depth) + repeat("]", depth));
  };
  chat_ok(nested(120));
  EXPECT_THAT(chat_error(nested(128)).what, HasSubstr("128 levels"));
}

TEST(RequestFields, EdgesOfEveryRangeAreAccepted) {
  const ParsedRequest low = chat_ok(chat(
      R"(,"temperature":0,"top_p":0.001,"top_k":-1,"min_p":0,"presence_penalty":-2,"n":1,"max_tokens":1)"));
  EXPECT_EQ(low.request.sampling.temperature, 0.0F);
  EXPECT_EQ(low.request.sampling.top_k, -1);
  const ParsedRequest high = chat_ok(chat(
      R"(,"temperature":2,"top_p":1,"top_k":0,"min_p":1,"presence_penalty":2,"n":16,"max_tokens":2147483647,"seed":-1)"));
  EXPECT_EQ(high.request.n, 16);
  EXPECT_EQ(high.request.stopping.max_tokens, INT32_MAX);
  EXPECT_EQ(high.request.sampling.seed, UINT64_MAX);
  EXPECT_EQ(chat_ok(chat(R"(,"max_tokens":50.0)")).request.stopping.max_tokens, 50);
}

TEST(RequestFields, ModelNamesAreShortEnoughToBeRepeated) {
  const auto named = [](size_t bytes) {
    return chat(R"(,"model":")" + std::string(bytes, 'm') + R"(")");
  };
  EXPECT_EQ(chat_ok(named(1024)).request.model.size(), 1024U);
  EXPECT_EQ(chat_error(named(1025)).where, "model");
}

TEST(RequestFields, NullMeansAbsentAndUnknownFieldsAreIgnored) {
  const ParsedRequest parsed = chat_ok(
      chat(R"(,"temperature":null,"stop":null,"max_tokens":null,"logprobs":null,"zzz":[1,{}],)"
           R"("logprobs_x":1,"response_format":{"type":"text"},"tools":[],"stream":null)"));
  EXPECT_FALSE(parsed.request.sampling.temperature.has_value());
  EXPECT_FALSE(parsed.stream);
}

TEST(RequestFields, ANullUnderOneSpellingDoesNotHideTheOther) {
  const ParsedRequest parsed = chat_ok(chat(R"(,"max_completion_tokens":null,"max_tokens":5)"));
  EXPECT_EQ(parsed.request.stopping.max_tokens, 5);
  EXPECT_EQ(
      chat_ok(chat(R"(,"max_tokens":5,"max_completion_tokens":7)")).request.stopping.max_tokens, 7);
}

TEST(RequestFields, NulCharactersAreRefusedByTheirPath) {
  const Error error =
      chat_error(R"({"messages":[{"role":"user","content":"a\u0000b"}],"stop":["\u0000"]})");
  EXPECT_EQ(error.where, "messages[0].content");
  EXPECT_THAT(error.what, HasSubstr("must not contain the NUL character"));
  EXPECT_THAT(error.what, HasSubstr("stop[0]: must not contain the NUL character"));
  for (const char* body : {R"({"prompt":"\u0000"})", R"({"prompt":["a\u0000"]})"}) {
    const auto parsed = parse_request(openai_completion_fields(), body);
    ASSERT_FALSE(parsed.has_value()) << body;
    EXPECT_THAT(parsed.error().to_error().where, HasSubstr("prompt"));
  }
}

TEST(RequestFields, MessagesKeepTheirTextRolesAndCalls) {
  const ParsedRequest parsed = chat_ok(
      R"({"messages":[{"role":"developer","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},)"
      R"({"role":"assistant","content":null,"tool_calls":[{"id":"1","function":{"name":"f"}}]},)"
      R"({"role":"tool","tool_call_id":"1","content":"\ud83d\ude00"}]})");
  const auto& chat_prompt = std::get<ChatPrompt>(parsed.request.prompt);
  ASSERT_EQ(chat_prompt.messages.size(), 3U);
  EXPECT_EQ(chat_prompt.messages[0].role, "system");
  EXPECT_EQ(chat_prompt.messages[0].content, "ab");
  EXPECT_FALSE(chat_prompt.messages[1].content.has_value());
  EXPECT_EQ(chat_prompt.messages[1].tool_calls_json, R"([{"id":"1","function":{"name":"f"}}])");
  EXPECT_EQ(chat_prompt.messages[2].content, "\xF0\x9F\x98\x80");
}

TEST(RequestFields, ToolsAreShownToTheTemplateWhenNoneMayBeCalled) {
  const ParsedRequest parsed =
      chat_ok(chat(R"(,"tools":[{"type":"function"}],"tool_choice":"none")"));
  EXPECT_EQ(std::get<ChatPrompt>(parsed.request.prompt).tools_json, R"([{"type":"function"}])");
}

TEST(RequestFields, CompletionPromptsAreTextOrTokenIds) {
  const auto parse = [](std::string_view body) {
    return parse_request(openai_completion_fields(), body);
  };
  EXPECT_EQ(std::get<TextPrompt>(parse(R"({"prompt":"a"})")->request.prompt).text, "a");
  EXPECT_EQ(std::get<TextPrompt>(parse(R"({"prompt":["a"]})")->request.prompt).text, "a");
  EXPECT_EQ(std::get<TokenPrompt>(parse(R"({"prompt":[1,2]})")->request.prompt).ids,
            (std::vector<int32_t>{1, 2}));
  for (const char* bad :
       {R"({})", R"({"prompt":null})", R"({"prompt":[]})", R"({"prompt":["a","b"]})",
        R"({"prompt":[[1],[2]]})", R"({"prompt":[1,"a"]})", R"({"prompt":[-1]})",
        R"({"prompt":{}})", R"({"prompt":5})", R"({"prompt":"a","max_tokens":0})",
        R"({"prompt":"a","suffix":"b"})", R"({"prompt":"a","logprobs":0})",
        R"({"prompt":"a","best_of":2})", R"({"prompt":"a","echo":"x"})"}) {
    EXPECT_FALSE(parse(bad).has_value()) << bad;
  }
  EXPECT_EQ(parse(R"({"prompt":"a","echo":true,"max_tokens":0})")->request.stopping.max_tokens, 0);
}

TEST(ClassicFields, TakeNumbersAndBooleansFromTextAsPydanticDoes) {
  const auto parsed = parse_request_lax(
      classic_generate_fields(),
      R"({"prompt":"a","max_tokens":" 50 ","temperature":"0.5","raw":"yes","stream":1})");
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->request.stopping.max_tokens, 50);
  EXPECT_EQ(parsed->request.sampling.temperature, 0.5F);
  EXPECT_TRUE(parsed->raw && parsed->stream);
}

TEST(ClassicFields, ProblemsHavePydanticsTypes) {
  const auto body = [](std::string_view text) {
    const auto parsed = parse_request_lax(classic_generate_fields(), text);
    return parsed ? std::string("accepted") : validation_body(parsed.error(), "body");
  };
  const std::pair<const char*, const char*> cases[] = {
      {R"({})", R"({"type":"missing","loc":["body","prompt"],"msg":"Field required","input":{}})"},
      {R"({"prompt":5})", R"("type":"string_type")"},
      {R"({"prompt":null})", R"("type":"string_type")"},
      {R"({"prompt":""})", R"("type":"string_too_short")"},
      {R"({"prompt":"a","max_tokens":"x"})",
       R"({"type":"int_parsing","loc":["body","max_tokens"],"msg":"Input should be a valid )"
       R"(integer, unable to parse string as an integer","input":"x"})"},
      {R"({"prompt":"a","max_new_tokens":"x"})", R"("loc":["body","max_new_tokens"])"},
      {R"({"prompt":"a","max_tokens":[]})", R"("type":"int_type")"},
      {R"({"prompt":"a","max_tokens":1.5})", R"("type":"int_from_float")"},
      {R"({"prompt":"a","max_tokens":0})", R"("ctx":{"ge":1})"},
      {R"({"prompt":"a","temperature":3})", R"("type":"less_than_equal")"},
      {R"({"prompt":"a","temperature":3})", R"("ctx":{"le":2})"},
      {R"({"prompt":"a","temperature":"nan"})", R"("type":"float_parsing")"},
      {R"({"prompt":"a","temperature":[]})", R"("type":"float_type")"},
      {R"({"prompt":"a","raw":"maybe"})", R"("type":"bool_parsing")"},
      {R"({"prompt":"a","raw":[]})", R"("type":"bool_type")"},
      {R"({"prompt":"a","top_p":0})", R"("type":"greater_than")"},
      {R"({"prompt":"a","format":"xml"})", R"("type":"literal_error")"},
      {R"({"prompt":"a","stop":["a",5]})", R"("loc":["body","stop",1])"},
      {R"({"prompt":)", R"("type":"json_invalid","loc":["body",0],"msg":"JSON decode error")"},
      {R"([])", R"("type":"model_attributes_type","loc":["body"])"},
  };
  for (const auto& [text, expected] : cases) EXPECT_THAT(body(text), HasSubstr(expected)) << text;
}

TEST(RequestFields, FiveMegabytesOfPromptTakeLittleTime) {
  const std::string body = chat(R"(,"user":")" + std::string(5'000'000, 'x') + R"(\n")");
  const auto begin = std::chrono::steady_clock::now();
  chat_ok(body);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
}

TEST(RequestFields, RowsAreNamedOnceAndCanBeSet) {
  for (const FieldTable* table :
       {&openai_chat_fields(), &openai_completion_fields(), &classic_generate_fields(),
        &tokenize_fields(), &detokenize_fields(), &apply_template_fields()}) {
    std::set<std::string_view> names;
    for (const FieldRow& row : table->rows) {
      EXPECT_TRUE(names.insert(row.name).second) << row.name;
      for (const std::string_view alias : row.aliases) EXPECT_TRUE(names.insert(alias).second);
      const bool can_be_set =
          row.set_boolean || row.set_integer || row.set_number || row.set_string || row.read;
      EXPECT_NE(can_be_set, row.later) << row.name;
    }
  }
}

TEST(Forms, ErrorsCarryTheirHeadersAndCodes) {
  const Error context{Code::kContextLength, "messages", "too long", "shorten it"};
  EXPECT_EQ(openai_error_body(context),
            R"({"error":{"message":"messages: too long; shorten it","type":)"
            R"("invalid_request_error","param":"messages","code":"context_length_exceeded"}})");
  EXPECT_EQ(refusal_headers(context), (HeaderFields{{"x-should-retry", "false"}}));
  Error busy{Code::kOverloaded, {}, "full", {}};
  EXPECT_EQ(refusal_headers(busy), (HeaderFields{{"retry-after", "1"}}));
  busy.retry_after_s = 9;
  EXPECT_EQ(refusal_headers(busy), (HeaderFields{{"retry-after", "9"}}));
  EXPECT_EQ(classic_error_body(busy),
            "{\"detail\":\"服务繁忙请稍后再试 (busy, try again later)\"}");
}

}  // namespace
}  // namespace sluice::contract
