// LocalGenerator: contract::Generator before an engine of this process.
//
// It may be called from any io loop; each stream belongs to the loop that submitted it. Destroy it
// (or call stop()) while the loops still live, and after their sessions are gone.
#pragma once

#include <atomic>
#include <boost/asio/thread_pool.hpp>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "contract/generator.h"
#include "engine/engine.h"
#include "engine/local_stream.h"
#include "engine/model_bundle.h"

namespace sluice::engine {

struct LocalGeneratorOptions {
  CoreOptions core;
  bool any_model_name = false;
  contract::Sampling sampling_overrides;      // the command line's defaults
  size_t pool_threads = 1;                    // for long prompts
  size_t pool_from_bytes = size_t{64} << 10;  // a prompt this long is tokenized there
};

class LocalGenerator final : public contract::Generator {
 public:
  // Starts the engine. `clock` must outlive it.
  LocalGenerator(ModelBundle bundle, LocalGeneratorOptions options, const Clock& clock);
  ~LocalGenerator() override;

  contract::Awaitable<Result<std::unique_ptr<contract::Stream>>> submit(
      contract::GenerateRequest request) override;
  contract::Awaitable<Result<std::vector<int32_t>>> tokenize(std::string model,
                                                             contract::Prompt prompt) override;
  contract::Awaitable<Result<std::string>> detokenize(std::string model,
                                                      std::vector<int32_t> ids) override;
  contract::Awaitable<Result<std::string>> apply_template(std::string model,
                                                          contract::ChatPrompt prompt) override;
  std::vector<contract::ModelInfo> models() const override;
  contract::Load load() const override;
  contract::EngineStats stats() const override;

  // Refuses new requests; the running ones finish.
  void drain() { draining_.store(true); }
  // Ends everything with kUnavailable.
  void stop();

  // For how long the present step has been running; 0 when idle. /livez judges by it.
  TimeNs busy_ns() const { return engine_->busy_ns(); }
  int32_t context_length() const { return context_length_; }

 private:
  struct Texts;  // tokenizer and template, shared with work on the pool

  Status check_model(const std::string& model) const;
  contract::Awaitable<Result<std::vector<int32_t>>> prompt_ids(contract::Prompt prompt);
  Result<EngineRequest> resolve(const contract::GenerateRequest& request,
                                std::vector<int32_t> ids) const;
  Result<int32_t> answer_tokens(const contract::GenerateRequest& request,
                                int32_t prompt_tokens) const;
  Status check_ids(const contract::GenerateRequest& request, std::span<const int32_t> prompt) const;
  std::shared_ptr<LoopOutlet> outlet_for(const boost::asio::any_io_executor& executor)
      EXCLUDES(mutex_);
  void count_refusal(const Error& error);

  const LocalGeneratorOptions options_;
  const Clock& clock_;
  const ModelBundle bundle_;
  const std::shared_ptr<const Texts> texts_;
  const std::shared_ptr<Engine> engine_;
  const int32_t context_length_;
  std::atomic<bool> draining_{false};
  std::array<std::atomic<uint64_t>, contract::kRejectionNames.size()> rejections_{};
  boost::asio::thread_pool pool_;

  Mutex mutex_;
  std::unordered_map<void*, std::weak_ptr<LoopOutlet>> outlets_ GUARDED_BY(mutex_);
};

}  // namespace sluice::engine
