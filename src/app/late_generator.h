// The Generator that handlers see: says "loading" until the model is there, so that the listener
// can be open before it, and passes everything on from then.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "contract/generator.h"

namespace sluice::app {

class LateGenerator final : public contract::Generator {
 public:
  // Requests are served from now on; any thread. `inner` outlives this object's last call.
  void serve(contract::Generator& inner) { inner_.store(&inner, std::memory_order_release); }

  contract::Awaitable<Result<std::unique_ptr<contract::Stream>>> submit(
      contract::GenerateRequest request) override {
    contract::Generator* inner = get();
    if (inner == nullptr) co_return loading();
    co_return co_await inner->submit(std::move(request));
  }
  contract::Awaitable<Result<std::vector<int32_t>>> tokenize(std::string model,
                                                             contract::Prompt prompt) override {
    contract::Generator* inner = get();
    if (inner == nullptr) co_return loading();
    co_return co_await inner->tokenize(std::move(model), std::move(prompt));
  }
  contract::Awaitable<Result<std::string>> detokenize(std::string model,
                                                      std::vector<int32_t> ids) override {
    contract::Generator* inner = get();
    if (inner == nullptr) co_return loading();
    co_return co_await inner->detokenize(std::move(model), std::move(ids));
  }
  contract::Awaitable<Result<std::string>> apply_template(std::string model,
                                                          contract::ChatPrompt prompt) override {
    contract::Generator* inner = get();
    if (inner == nullptr) co_return loading();
    co_return co_await inner->apply_template(std::move(model), std::move(prompt));
  }
  std::vector<contract::ModelInfo> models() const override {
    const contract::Generator* inner = get();
    return inner == nullptr ? std::vector<contract::ModelInfo>() : inner->models();
  }
  contract::Load load() const override {
    const contract::Generator* inner = get();
    if (inner != nullptr) return inner->load();
    contract::Load load;
    load.health = contract::Health::kLoading;
    load.reason = "the model is being loaded";
    return load;
  }
  contract::EngineStats stats() const override {
    const contract::Generator* inner = get();
    return inner == nullptr ? contract::EngineStats() : inner->stats();
  }

 private:
  contract::Generator* get() const { return inner_.load(std::memory_order_acquire); }
  static std::unexpected<Error> loading() {
    return fail(Code::kUnavailable, "", "the model is being loaded", "try again in a second");
  }

  std::atomic<contract::Generator*> inner_{nullptr};
};

}  // namespace sluice::app
