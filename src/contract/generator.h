// Generator: what every handler speaks to, whether a local engine, a fleet or a fake stands behind.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "contract/engine_stats.h"
#include "contract/event.h"
#include "contract/request.h"

namespace sluice::contract {

template <typename T>
using Awaitable = boost::asio::awaitable<T>;

// The handle of one request. It belongs to the io loop on which submit() was called; destroying it
// cancels what still runs.
class Stream {
 public:
  virtual ~Stream() = default;

  // The next event, waiting for it. After the last Finished: an empty optional. An Error ends the
  // stream. One call at a time.
  virtual Awaitable<Result<std::optional<Event>>> next() = 0;

  // What next() would return without waiting: false when nothing is there yet.
  virtual bool ready() const = 0;

  // The client is gone, or wants no more: the work ends within one engine step. next() then
  // answers Code::kCancelled.
  virtual void cancel() = 0;
};

struct ModelInfo {
  std::string id;
  int64_t created_s = 0;
  int32_t context_length = 0;
  std::string architecture;
};

enum class Health : uint8_t { kLoading, kServing, kDraining, kDead };

struct Load {
  Health health = Health::kServing;
  std::string reason;  // when not serving
  int64_t running = 0;
  int64_t waiting = 0;
  double kv_usage = 0;  // 0 to 1
};

class Generator {
 public:
  virtual ~Generator() = default;

  // Validates against the model, tokenizes and queues. Refusals (unknown model, prompt beyond the
  // context, queue full) are errors here or the first answer of next(); Admitted comes first
  // otherwise. Call from an io loop.
  virtual Awaitable<Result<std::unique_ptr<Stream>>> submit(GenerateRequest request) = 0;

  virtual Awaitable<Result<std::vector<int32_t>>> tokenize(std::string model, Prompt prompt) = 0;
  virtual Awaitable<Result<std::string>> detokenize(std::string model,
                                                    std::vector<int32_t> ids) = 0;
  // The prompt's text after the chat template.
  virtual Awaitable<Result<std::string>> apply_template(std::string model, ChatPrompt prompt) = 0;

  // Any thread.
  virtual std::vector<ModelInfo> models() const = 0;
  virtual Load load() const = 0;
  // The latest snapshot; what does not count answers zeros.
  virtual EngineStats stats() const { return {}; }
};

}  // namespace sluice::contract
