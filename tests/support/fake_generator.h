// A Generator that plays a script: each request gets steps (events, errors, gates that hold until
// the test opens them), so that every stage can be held and failed without sleeping.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/mutex.h"
#include "contract/generator.h"

namespace sluice::testing_support {

// Holds streams until it is opened. Any thread.
class Gate {
 public:
  using Timer = boost::asio::steady_timer;

  void open() EXCLUDES(mutex_) {
    std::vector<std::shared_ptr<Timer>> waiters;
    {
      MutexLock lock(mutex_);
      open_ = true;
      waiters.swap(waiters_);
    }
    for (const auto& timer : waiters) wake(timer);
  }
  bool is_open() const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return open_;
  }
  // Registers a timer to cancel; false if the gate is open already.
  bool add_waiter(const std::shared_ptr<Timer>& timer) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (!open_) waiters_.push_back(timer);
    return !open_;
  }
  static void wake(const std::shared_ptr<Timer>& timer) {
    boost::asio::post(timer->get_executor(), [timer] { timer->cancel(); });
  }

 private:
  mutable Mutex mutex_;
  bool open_ GUARDED_BY(mutex_) = false;
  std::vector<std::shared_ptr<Timer>> waiters_ GUARDED_BY(mutex_);
};

using GatePtr = std::shared_ptr<Gate>;
using Step = std::variant<contract::Event, Error, GatePtr>;
using Script = std::vector<Step>;

// Admission, the pieces as deltas, and the end; for one choice.
inline Script answer_script(std::vector<std::string> pieces) {
  Script script{contract::Event(contract::Admitted{5, 2, 1})};
  contract::Finished finished;
  finished.usage = {5, static_cast<int64_t>(pieces.size()), 2};
  for (std::string& piece : pieces) {
    script.emplace_back(contract::Event(contract::Delta{0, std::move(piece), {}}));
  }
  script.emplace_back(contract::Event(finished));
  return script;
}

// Counts what happens to streams, for tests to wait on.
struct StreamLedger {
  void note_cancelled() EXCLUDES(mutex) {
    MutexLock lock(mutex);
    ++cancelled;
    changed.notify_all();
  }
  // False if it did not happen within ten seconds.
  bool wait_cancelled(int count) EXCLUDES(mutex) {
    MutexLock lock(mutex);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (cancelled < count) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      changed.wait_for(mutex, std::chrono::milliseconds(100));
    }
    return true;
  }

  Mutex mutex;
  CondVar changed;
  int cancelled GUARDED_BY(mutex) = 0;  // while something was still to come
};

class FakeStream final : public contract::Stream {
 public:
  FakeStream(Script script, std::shared_ptr<StreamLedger> ledger)
      : script_(std::move(script)), ledger_(std::move(ledger)) {}
  ~FakeStream() override { cancel(); }

  contract::Awaitable<Result<std::optional<contract::Event>>> next() override {
    while (!cancelled_ && at_ < script_.size()) {
      if (auto* gate = std::get_if<GatePtr>(&script_[at_])) {
        if (!(*gate)->is_open()) {
          timer_ = std::make_shared<Gate::Timer>(co_await boost::asio::this_coro::executor);
          timer_->expires_at(Gate::Timer::time_point::max());
          if ((*gate)->add_waiter(timer_)) {
            co_await timer_->async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
          }
          continue;
        }
        ++at_;
        continue;
      }
      Step& step = script_[at_++];
      if (auto* error = std::get_if<Error>(&step)) {
        at_ = script_.size();
        co_return std::unexpected(std::move(*error));
      }
      co_return std::get<contract::Event>(std::move(step));
    }
    if (cancelled_) co_return fail(Code::kCancelled, {}, "the request was cancelled");
    co_return std::optional<contract::Event>();
  }

  bool ready() const override {
    size_t at = at_;
    while (at < script_.size()) {
      const auto* gate = std::get_if<GatePtr>(&script_[at]);
      if (gate == nullptr) return true;
      if (!(*gate)->is_open()) return cancelled_;
      ++at;
    }
    return true;
  }

  void cancel() override {
    if (cancelled_ || at_ >= script_.size()) return;
    cancelled_ = true;
    if (timer_) timer_->cancel();
    ledger_->note_cancelled();
  }

 private:
  Script script_;
  std::shared_ptr<StreamLedger> ledger_;
  std::shared_ptr<Gate::Timer> timer_;
  size_t at_ = 0;
  bool cancelled_ = false;
};

class FakeGenerator final : public contract::Generator {
 public:
  // Chooses the script, or refuses at once. Called on the io loop.
  std::function<Result<Script>(const contract::GenerateRequest&)> on_submit =
      [](const contract::GenerateRequest&) -> Result<Script> {
    return answer_script({"Hello", " world"});
  };
  contract::Load load_value;
  contract::EngineStats stats_value;
  bool serves_models = true;  // false: still loading
  std::shared_ptr<StreamLedger> ledger = std::make_shared<StreamLedger>();

  // The latest request, once it has been submitted.
  contract::GenerateRequest last_request() const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return last_request_;
  }

  contract::Awaitable<Result<std::unique_ptr<contract::Stream>>> submit(
      contract::GenerateRequest request) override {
    {
      MutexLock lock(mutex_);
      last_request_ = request;
    }
    auto script = on_submit(request);
    if (!script) co_return std::unexpected(std::move(script).error());
    co_return std::make_unique<FakeStream>(std::move(*script), ledger);
  }
  contract::Awaitable<Result<std::vector<int32_t>>> tokenize(std::string,
                                                             contract::Prompt prompt) override {
    // One token a byte.
    std::vector<int32_t> ids;
    if (const auto* text = std::get_if<contract::TextPrompt>(&prompt)) {
      for (const char c : text->text) ids.push_back(static_cast<unsigned char>(c));
    }
    co_return ids;
  }
  contract::Awaitable<Result<std::string>> detokenize(std::string,
                                                      std::vector<int32_t> ids) override {
    std::string text;
    for (const int32_t id : ids) {
      if (id > 127) co_return fail(Code::kInvalidArgument, "tokens", "no such token");
      text += static_cast<char>(id);
    }
    co_return text;
  }
  contract::Awaitable<Result<std::string>> apply_template(std::string,
                                                          contract::ChatPrompt prompt) override {
    std::string text;
    for (const contract::Message& message : prompt.messages) {
      text += "<" + message.role + ">" + message.content.value_or("");
    }
    co_return text;
  }
  std::vector<contract::ModelInfo> models() const override {
    if (!serves_models) return {};
    return {{"fake-model", 1700000000, 4096, "fake"}};
  }
  contract::Load load() const override { return load_value; }
  contract::EngineStats stats() const override { return stats_value; }

 private:
  mutable Mutex mutex_;
  contract::GenerateRequest last_request_ GUARDED_BY(mutex_);
};

}  // namespace sluice::testing_support
