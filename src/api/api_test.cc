#include "api/api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/thread_pool.hpp>
#include <memory>

#include "http/server.h"
#include "http/test_client.h"
#include "tests/support/fake_generator.h"

namespace sluice::api {
namespace {

using contract::Admitted;
using contract::Delta;
using contract::Event;
using contract::Finished;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using testing_support::answer_script;
using testing_support::FakeGenerator;
using testing_support::Gate;
using testing_support::Script;

constexpr std::string_view kChat = R"({"messages":[{"role":"user","content":"hi"}])";

class Api : public testing::Test {
 protected:
  ~Api() override {
    if (server_) server_->stop();
    if (server_) server_->join();
    pool_.join();
  }

  http::TestClient connect() {
    if (!server_) {
      context_.generator = &generator_;
      context_.telemetry = &telemetry_;
      context_.pool = pool_.get_executor();
      context_.options.version = "1.2.3";
      http::Router router;
      add_routes(router, context_);
      http::ServerOptions options;
      options.port = 0;
      server_ = std::make_unique<http::Server>(options, std::move(router), &telemetry_);
      EXPECT_TRUE(server_->listen());
      server_->start();
    }
    return http::TestClient(server_->port());
  }

  static std::string request(std::string_view method, std::string_view target,
                             std::string_view body = {}, std::string_view headers = {}) {
    return std::string(method) + " " + std::string(target) +
           " HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n" + std::string(headers) +
           "content-length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
  }
  std::string get(std::string_view target, std::string_view headers = {}) {
    http::TestClient client = connect();
    client.send(request("GET", target, {}, headers));
    return client.read_all();
  }
  std::string post(std::string_view target, std::string_view body) {
    http::TestClient client = connect();
    client.send(request("POST", target, body));
    return client.read_all();
  }
  static std::string chat(std::string_view rest) {
    return std::string(kChat) + std::string(rest) + "}";
  }

  FakeGenerator generator_;
  telemetry::Telemetry telemetry_{{"sluice_", "1.2.3", false, 1}};
  boost::asio::thread_pool pool_{1};
  ApiContext context_;
  std::unique_ptr<http::Server> server_;
};

TEST_F(Api, ChatAnswersInOnePiece) {
  const std::string got = post("/v1/chat/completions", chat(""));
  EXPECT_THAT(got, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(got, HasSubstr(R"("object":"chat.completion")"));
  EXPECT_THAT(got, HasSubstr(R"("message":{"role":"assistant","content":"Hello world")"));
  EXPECT_THAT(got, HasSubstr(R"("finish_reason":"stop")"));
  EXPECT_THAT(got, HasSubstr(R"("usage":{"prompt_tokens":5,"completion_tokens":2,)"
                             R"("total_tokens":7,"prompt_tokens_details":{"cached_tokens":2}})"));
  EXPECT_THAT(got, HasSubstr(R"("model":"fake-model")"));
  EXPECT_THAT(got, HasSubstr("server-timing: queue;dur=0.0, prefill;dur=0.0, decode;dur=0.0"));
}

TEST_F(Api, ChatStreamsRoleFirstThenTextThenReasonThenUsageThenDone) {
  const std::string got = post("/v1/chat/completions",
                               chat(R"(,"stream":true,"stream_options":{"include_usage":true})"));
  EXPECT_THAT(got, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(got, HasSubstr("text/event-stream"));
  size_t at = 0;
  for (const std::string_view part :
       {R"("delta":{"role":"assistant","content":""})", R"("delta":{"content":"Hello"})",
        R"("delta":{"content":" world"})", R"("delta":{},"logprobs":null,"finish_reason":"stop")",
        R"("choices":[],"usage":{"prompt_tokens":5)", "data: [DONE]\n\n"}) {
    const size_t found = got.find(part, at);
    ASSERT_NE(found, std::string::npos) << part << "\n" << got;
    at = found;
  }
}

TEST_F(Api, RefusalBeforeAdmissionKeepsItsStatusOnAStream) {
  for (const bool at_submit : {true, false}) {
    generator_.on_submit = [at_submit](const auto&) -> Result<Script> {
      Error error{Code::kOverloaded, {}, "the queue is full", {}};
      error.retry_after_s = 7;
      if (at_submit) return std::unexpected(error);
      return Script{error};
    };
    const std::string got = post("/v1/chat/completions", chat(R"(,"stream":true)"));
    EXPECT_THAT(got, StartsWith("HTTP/1.1 503 "));
    EXPECT_THAT(got, HasSubstr("retry-after: 7"));
    EXPECT_THAT(got, HasSubstr(R"("type":"overloaded_error")"));
    EXPECT_THAT(got, Not(HasSubstr("x-should-retry")));
    EXPECT_THAT(post("/stream", R"({"prompt":"hi"})"),
                HasSubstr("服务繁忙请稍后再试 (busy, try again later)"));
  }
}

TEST_F(Api, ErrorAfterTheStartEndsTheStreamWithoutReasonOrDone) {
  generator_.on_submit = [](const auto&) -> Result<Script> {
    return Script{Event(Admitted{5, 0, 1}), Event(Delta{0, "Hel", {}}),
                  Error{Code::kInternal, {}, "the engine died", {}}};
  };
  const std::string got = post("/v1/chat/completions", chat(R"(,"stream":true)"));
  EXPECT_THAT(got, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(got, HasSubstr(R"(data: {"error":{"message":"the engine died")"));
  EXPECT_THAT(got, HasSubstr(R"("code":500)"));
  EXPECT_THAT(got, Not(HasSubstr("[DONE]")));
  EXPECT_THAT(got, Not(HasSubstr(R"("finish_reason":")")));

  const std::string classic = post("/stream", R"({"prompt":"hi"})");
  EXPECT_THAT(classic, HasSubstr("event: error\n"));
  EXPECT_THAT(classic, HasSubstr(R"({"detail":"the engine died","code":500})"));
  EXPECT_THAT(classic, Not(HasSubstr("event: done")));
  EXPECT_THAT(post("/generate", R"({"prompt":"hi"})"), StartsWith("HTTP/1.1 500 "));
}

TEST_F(Api, NoByteIsSentBeforeAdmissionAndSilenceAfterItIsPinged) {
  context_.options.ping_interval_ms = 1;
  const auto door = std::make_shared<Gate>();
  const auto pause = std::make_shared<Gate>();
  generator_.on_submit = [&](const auto&) -> Result<Script> {
    return Script{door, Event(Admitted{5, 0, 1}), pause, Event(Delta{0, "x", {}}),
                  Event(Finished{})};
  };
  http::TestClient client = connect();
  client.send(request("POST", "/v1/chat/completions", chat(R"(,"stream":true)")));
  // Another request's whole life fits before the admission of this one.
  EXPECT_THAT(get("/healthz"), StartsWith("HTTP/1.1 200 "));
  door->open();
  const std::string head = client.read_until(": ping\n");
  EXPECT_THAT(head, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(client.read_until(": ping\n"), HasSubstr(": ping\n"));
  pause->open();
  EXPECT_THAT(client.read_all(), HasSubstr("data: [DONE]"));
}

TEST_F(Api, LeavingClientsCancelTheirWorkAtEveryStage) {
  const auto never = std::make_shared<Gate>();
  int cancelled = 0;
  for (const bool admitted : {false, true}) {
    for (const std::string_view stream : {"true", "false"}) {
      const auto submitted = std::make_shared<Gate>();
      generator_.on_submit = [&, admitted](const auto&) -> Result<Script> {
        submitted->open();
        Script script;
        if (admitted) script.emplace_back(Event(Admitted{5, 0, 1}));
        script.emplace_back(never);
        script.emplace_back(Event(Finished{}));
        return script;
      };
      http::TestClient client = connect();
      client.send(
          request("POST", "/v1/chat/completions", chat(R"(,"stream":)" + std::string(stream))));
      while (!submitted->is_open()) std::this_thread::yield();
      client.close();
      EXPECT_TRUE(generator_.ledger->wait_cancelled(++cancelled));
    }
  }
}

TEST_F(Api, ChoicesAreInterleavedUnderTheirIndex) {
  generator_.on_submit = [](const contract::GenerateRequest& request) -> Result<Script> {
    EXPECT_EQ(request.n, 2);
    Finished first;
    first.usage = {5, 3, 0};
    Finished second = first;
    second.choice = 1;
    second.reason = contract::FinishReason::kLength;
    return Script{Event(Admitted{5, 0, 1}), Event(Delta{1, "b", {}}), Event(Delta{0, "a", {}}),
                  Event(second), Event(first)};
  };
  const std::string got = post("/v1/chat/completions", chat(R"(,"n":2)"));
  EXPECT_THAT(got, HasSubstr(R"({"index":0,"message":{"role":"assistant","content":"a")"));
  EXPECT_THAT(got, HasSubstr(R"({"index":1,"message":{"role":"assistant","content":"b")"));
  EXPECT_THAT(got, HasSubstr(R"("completion_tokens":6)"));
  EXPECT_THAT(post("/v1/chat/completions", chat(R"(,"n":2,"stream":true)")),
              HasSubstr(R"({"index":1,"delta":{},"logprobs":null,"finish_reason":"length"})"));
}

TEST_F(Api, BadBodiesAreRefusedInTheFormOfTheirFamily) {
  std::string got = post("/v1/chat/completions", R"({"messages":[],"top_p":3})");
  EXPECT_THAT(got, StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(got, HasSubstr(R"("param":"messages")"));
  EXPECT_THAT(got, HasSubstr("top_p: must be above 0 and at most 1"));
  EXPECT_THAT(got, HasSubstr("x-should-retry: false"));
  got = post("/generate", "{}");
  EXPECT_THAT(got, StartsWith("HTTP/1.1 422 "));
  EXPECT_THAT(got,
              HasSubstr(R"({"type":"missing","loc":["body","prompt"],"msg":"Field required")"));
  EXPECT_THAT(get("/stream"), HasSubstr(R"("loc":["query","prompt"])"));
  EXPECT_THAT(get("/nowhere"), HasSubstr(R"({"error":{)"));
  EXPECT_THAT(get("/generate"), StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(get("/generate"), HasSubstr(R"({"detail":)"));
}

TEST_F(Api, UnknownModelsAreNotFoundAndServedNamesAre) {
  EXPECT_THAT(post("/v1/chat/completions", chat(R"(,"model":"gpt-5")")),
              HasSubstr(R"("code":"model_not_found")"));
  EXPECT_THAT(get("/v1/models/gpt-5"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(get("/v1/models/fake-model"), StartsWith("HTTP/1.1 200 "));
  context_.options.served_model_names = {"qwen", "org/other"};
  EXPECT_THAT(get("/v1/models"), HasSubstr(R"("id":"org/other")"));
  EXPECT_THAT(get("/v1/models/org/other"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(post("/v1/chat/completions", chat(R"(,"model":"org/other")")),
              HasSubstr(R"("model":"org/other")"));
  EXPECT_EQ(generator_.last_request().model, "");
}

TEST_F(Api, AModelThatIsStillLoadingIsWorthARetry) {
  generator_.serves_models = false;
  generator_.on_submit = [](const contract::GenerateRequest&) -> Result<Script> {
    return fail(Code::kUnavailable, "", "the model is being loaded");
  };
  for (const std::string& got : {post("/v1/chat/completions", chat(R"(,"model":"fake-model")")),
                                 get("/v1/models/fake-model")}) {
    EXPECT_THAT(got, StartsWith("HTTP/1.1 503 "));
    EXPECT_THAT(got, HasSubstr("retry-after: "));
    EXPECT_THAT(got, Not(HasSubstr("x-should-retry")));
  }
}

TEST_F(Api, ClassicGenerateAnswersTextTwiceAndWrapsThePromptUnlessRaw) {
  const std::string got =
      post("/generate", R"({"prompt":"hi","system":"be kind","max_new_tokens":"50"})");
  EXPECT_THAT(got, HasSubstr(R"("text":"Hello world","result":"Hello world","usage":{)"));
  const contract::GenerateRequest request = generator_.last_request();
  const auto& prompt = std::get<contract::ChatPrompt>(request.prompt);
  ASSERT_EQ(prompt.messages.size(), 2U);
  EXPECT_EQ(prompt.messages[0].content, "be kind");
  EXPECT_EQ(request.stopping.max_tokens, 50);
  EXPECT_TRUE(request.stopping.clamp_to_context);
  EXPECT_EQ(request.default_max_tokens, 512);
  post("/generate", R"({"prompt":"hi","raw":true})");
  const contract::GenerateRequest raw = generator_.last_request();
  EXPECT_EQ(std::get<contract::TextPrompt>(raw.prompt).text, "hi");
}

TEST_F(Api, ClassicStreamNumbersItsEventsAndEndsWithDone) {
  const std::string got = post("/stream", R"({"prompt":"hi"})");
  EXPECT_THAT(got, HasSubstr("event: text_chunk\n"));
  EXPECT_THAT(got, HasSubstr(R"(data: {"text":"Hello"})"));
  EXPECT_THAT(got, HasSubstr("retry: 30000\n"));
  EXPECT_THAT(got, HasSubstr("-0\n"));
  EXPECT_THAT(got, HasSubstr("-2\n"));
  EXPECT_THAT(got, HasSubstr("event: done\n"));
  EXPECT_THAT(got, HasSubstr(R"(data: {"finish_reason":"stop","usage":{"prompt_tokens":5)"));
  EXPECT_THAT(post("/generate", R"({"prompt":"hi","stream":true})"),
              HasSubstr("event: text_chunk\n"));
}

TEST_F(Api, EventSourceGetsUnnamedEventsAndNeverASecondGeneration) {
  std::string got = get("/stream?prompt=hi%20there&max_tokens=5&raw=true");
  EXPECT_THAT(got, HasSubstr(R"(data: {"text":"Hello"})"));
  EXPECT_THAT(got, Not(HasSubstr("event: text_chunk")));
  EXPECT_EQ(std::get<contract::TextPrompt>(generator_.last_request().prompt).text, "hi there");
  got = get("/stream?prompt=hi&event=text_chunk&format=token");
  EXPECT_THAT(got, HasSubstr("event: text_chunk\n"));
  EXPECT_THAT(got, HasSubstr(R"(data: {"token":"Hello"})"));
  EXPECT_THAT(get("/stream?prompt=hi", "last-event-id: a-3\r\n"), StartsWith("HTTP/1.1 204 "));
}

TEST_F(Api, HeadOfAStreamStartsNoGeneration) {
  bool submitted = false;
  generator_.on_submit = [&submitted](const contract::GenerateRequest&) -> Result<Script> {
    submitted = true;
    return answer_script({"Hello"});
  };
  http::TestClient client = connect();
  client.send(request("HEAD", "/stream?prompt=hi"));
  const std::string got = client.read_all();
  EXPECT_THAT(got, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(got, HasSubstr("content-type: text/event-stream"));
  EXPECT_FALSE(submitted);
}

TEST_F(Api, HealthTellsTheStateWhileServingLoadingAndDraining) {
  generator_.load_value.running = 3;
  EXPECT_THAT(get("/health"), HasSubstr(R"({"status":"OK","model":"fake-model","running":3)"));
  context_.draining = true;
  EXPECT_THAT(get("/health"), StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(get("/livez"), StartsWith("HTTP/1.1 200 "));
  context_.draining = false;
  generator_.load_value.health = contract::Health::kDead;
  generator_.load_value.reason = "a step hangs";
  EXPECT_THAT(get("/livez"), HasSubstr("a step hangs"));
  EXPECT_THAT(get("/healthz"), StartsWith("HTTP/1.1 503 "));
}

TEST_F(Api, MetricsShowTheEngineAndTheServer) {
  generator_.stats_value.generation_tokens = 42;
  generator_.stats_value.inter_token.observe(0.0005, 3);
  post("/generate", R"({"prompt":"hi"})");
  const std::string got = get("/metrics");
  EXPECT_THAT(got, HasSubstr("sluice_generation_tokens_total 42\n"));
  EXPECT_THAT(got, HasSubstr("sluice_inter_token_latency_seconds_bucket{le=\"0.001\"} 3\n"));
  EXPECT_THAT(got, HasSubstr("\nrequests_total{status=\"200\"} 1\n"));
  EXPECT_THAT(got, HasSubstr("process_resident_memory_bytes "));
  EXPECT_THAT(got, HasSubstr("sluice_build_info{version=\"1.2.3\"} 1\n"));
}

TEST_F(Api, LargeBodiesAreParsedOnThePoolAndAnswered) {
  const std::string body = R"({"prompt":")" + std::string(5'000'000, 'a') + R"("})";
  EXPECT_THAT(post("/v1/completions", body), StartsWith("HTTP/1.1 200 "));
  const contract::GenerateRequest request = generator_.last_request();
  EXPECT_EQ(std::get<contract::TextPrompt>(request.prompt).text.size(), 5'000'000U);
}

TEST_F(Api, TokensAndTemplatesGoToTheGenerator) {
  EXPECT_THAT(post("/tokenize", R"({"prompt":"ab"})"), HasSubstr(R"("tokens":[97,98])"));
  EXPECT_THAT(post("/detokenize", R"({"tokens":[97,98]})"), HasSubstr(R"({"prompt":"ab"})"));
  EXPECT_THAT(post("/detokenize", R"({"tokens":[999]})"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(post("/apply-template", chat("")), HasSubstr(R"({"prompt":"<user>hi"})"));
  EXPECT_THAT(post("/tokenize", "{}"), StartsWith("HTTP/1.1 400 "));
}

}  // namespace
}  // namespace sluice::api
