// EngineCore: the engine without its thread. It is driven step by step, with a clock passed in;
// the engine's thread, the simulator and the tests drive the same core. One thread.
//
// Every request ends with exactly one of: a Finished for each choice, an error, or cancel(), after
// which nothing more is emitted. In each case its blocks are back when the call returns.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "contract/engine_stats.h"
#include "contract/event.h"
#include "contract/request.h"
#include "engine/output_stage.h"
#include "model/runner.h"
#include "sampling/sample_spec.h"
#include "sampling/sampler.h"
#include "sched/scheduler.h"

namespace sluice::engine {

// Where the events of requests go. emit() is called any number of times in a step, then flush()
// once.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void emit(uint64_t request_id, Result<contract::Event> event) = 0;
  virtual void flush() = 0;
};

// A request with every choice made: what LocalGenerator makes of a GenerateRequest.
struct EngineRequest {
  uint64_t id = 0;                  // unique for the engine's life
  std::vector<int32_t> prompt_ids;  // at least one
  sampling::SampleSpec sampling;
  StopRules stopping;
  int32_t n = 1;
  int32_t priority = 0;
  std::string key = {};
  std::string cache_salt = {};
  TimeNs arrival_ns = 0;
  TimeNs deadline_ns = 0;                    // 0: none
  TimeNs first_token_deadline_ns = 0;        // 0: none
  contract::Continuation continuation = {};  // only with n = 1
  std::shared_ptr<EventSink> sink = {};
};

struct CoreOptions {
  bool prefix_caching = true;
  int32_t max_running = 64;
  int32_t max_waiting = 128;
  int64_t max_waiting_tokens = 0;  // 0: no limit
  int32_t prefill_chunk_tokens = 512;
  int32_t prefill_chunk_tokens_decoding = 128;
  TimeNs queue_timeout_ns = 30 * kNsPerSecond;  // 0: none
};

class EngineCore {
 public:
  // `tokenizer`, `runner`, `sampler` and `clock` must outlive it.
  EngineCore(const CoreOptions& options, const text::Tokenizer& tokenizer, model::Runner& runner,
             sampling::Sampler& sampler, const Clock& clock);
  ~EngineCore();

  // Queues the request, or refuses it with an error event.
  void submit(EngineRequest request);
  // Ends the request at once, wherever it is; unknown ids are requests that have ended.
  void cancel(uint64_t request_id);
  // Ends every request with this error.
  void fail_all(const Error& error);

  // Computes one step and emits what came of it. False when there was nothing to do.
  bool step();

  bool idle() const { return requests_.empty(); }
  // As of the last step.
  const contract::EngineStats& stats() const { return stats_; }

  // Tokens that one sequence can have: the trained context, or the KV pool if that is smaller.
  int32_t context_length() const { return context_length_; }

  // CHECKs every invariant.
  void check_integrity() const;

 private:
  struct Choice;
  struct Request;

  bool replay(Request& request, std::span<const int32_t> generated_ids);
  void expire(TimeNs now_ns);
  void count_cancelled(const Request& request);
  void announce(Request& request, int64_t cached_tokens, TimeNs now_ns);
  void build_step(TimeNs now_ns);
  Result<model::StepOutput> run_step();
  void fail_planned(const Error& error);
  void deliver_rows(const model::StepOutput& output);
  int32_t choose(Choice& choice, const model::StepOutput& output, size_t row);
  void deliver(Choice& choice, int32_t token, TimeNs now_ns);
  void finish_choice(Choice& choice, contract::FinishReason reason, TimeNs now_ns);
  void drop(Request& request);
  void fail_request(Request& request, Error error);
  void refuse(const EngineRequest& request, Error error);
  void emit(const Request& request, Result<contract::Event> event);
  void emit_to(const std::shared_ptr<EventSink>& sink, uint64_t id, Result<contract::Event> event);
  void flush();
  void update_gauges();

  const CoreOptions options_;
  const text::Tokenizer& tokenizer_;
  model::Runner& runner_;
  sampling::Sampler& sampler_;
  const Clock& clock_;
  const int32_t context_length_;
  sched::Scheduler scheduler_;
  std::unordered_map<uint64_t, std::unique_ptr<Request>> requests_;
  uint64_t next_sequence_id_ = 1;
  std::vector<sched::PlanItem> plan_;
  std::vector<model::SequenceSlice> slices_;
  std::vector<std::pair<Choice*, int32_t>> sampled_;
  std::vector<uint64_t> ended_;
  std::vector<std::shared_ptr<EventSink>> dirty_;  // sinks with events that were not flushed
  TimeNs last_step_end_ns_ = 0;                    // 0: nothing ran just before
  TimeNs sampling_ns_ = 0;
  contract::EngineStats stats_;
};

}  // namespace sluice::engine
