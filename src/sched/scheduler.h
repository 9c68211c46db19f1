// Scheduler: which tokens of which sequences the next step computes, and with which KV blocks.
//
// It has no threads and no clock of its own; the engine calls it, step by step: plan(), then
// complete() once the step has been computed, then append() or finish() for what was sampled.
//
// A step has the decoding sequences first (one token each), then chunks of prompts under a budget,
// so that a long prompt does not freeze the others. When blocks run out, the sequence that is last
// in the order (lowest priority, newest) gives its blocks back and is computed again later: from
// its tokens, as if they were a prompt.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "kv/block_pool.h"
#include "sched/sequence.h"

namespace sluice::sched {

struct Options {
  int32_t block_count = 0;
  bool prefix_caching = true;
  int32_t max_running = 64;
  int32_t max_waiting = 128;
  int64_t max_waiting_tokens = 0;  // prompt tokens waiting; 0: no limit
  int32_t step_tokens_max = 512;   // what the runner takes
  int32_t sampled_rows_max = 64;
  int32_t prefill_chunk_tokens = 512;           // prompt tokens of a step in which nothing decodes
  int32_t prefill_chunk_tokens_decoding = 128;  // of one in which something does
};

// Consecutive tokens of one sequence.
struct PlanItem {
  Sequence* sequence = nullptr;
  int32_t position = 0;
  int32_t count = 0;
  bool sampled = false;  // the last of them is the sequence's last: a new token follows
  bool is_decode = false;
};

struct Counters {
  int64_t preemptions = 0;
  int64_t refusals = 0;
  int64_t prompt_tokens_computed = 0;
  int64_t cached_tokens = 0;
};

// Who comes first, of those that wait and of those that keep their blocks.
class OrderPolicy {
 public:
  virtual ~OrderPolicy() = default;
  // A strict weak order.
  virtual bool sooner(const Sequence& a, const Sequence& b) const = 0;
};

class PriorityThenArrival final : public OrderPolicy {
 public:
  bool sooner(const Sequence& a, const Sequence& b) const override {
    return a.priority != b.priority ? a.priority < b.priority : a.order < b.order;
  }
};

class Scheduler {
 public:
  explicit Scheduler(Options options,
                     std::unique_ptr<OrderPolicy> policy = std::make_unique<PriorityThenArrival>());
  ~Scheduler();

  // Takes `count` sequences of one request, all or none. Refused when they could never fit (the
  // request's own fault) or when too many wait (kOverloaded).
  Status can_submit(int64_t total_tokens_max, int32_t count, int64_t prompt_tokens) const;
  // can_submit() must have agreed. The sequence belongs to the scheduler until finish().
  Sequence* submit(SequenceSpec spec);

  // What to compute next; empty when there is nothing to do. Valid until the next call of any
  // other function; items are in the order in which their rows are wanted.
  std::span<const PlanItem> plan(TimeNs now_ns);

  // The planned step has been computed: its full blocks are published.
  void complete();
  // The planned step has failed; what it would have computed is not there.
  void abandon();

  // A sampled token follows. The sequence must have all its tokens computed.
  void append(Sequence& sequence, int32_t token);

  // The sequence is over, wherever it was: its blocks go back. It is destroyed.
  void finish(Sequence& sequence);

  int32_t running() const { return static_cast<int32_t>(running_.size()); }
  int32_t waiting() const { return static_cast<int32_t>(waiting_.size()); }
  int64_t waiting_tokens() const { return waiting_tokens_; }
  bool idle() const { return running_.empty() && waiting_.empty(); }
  kv::PoolStats pool_stats() const { return pool_.stats(); }
  const Counters& counters() const { return counters_; }
  const Options& options() const { return options_; }

  // CHECKs every invariant.
  void check_integrity() const;

 private:
  void plan_decodes();
  void plan_prefills();
  void admit_waiting(TimeNs now_ns);
  bool fits_now(const Sequence& sequence) const;
  bool add_chunk(Sequence& sequence, bool may_preempt);
  int32_t room_for(Sequence& sequence, int32_t end, bool may_preempt);
  bool preempt_one_after(const Sequence& sequence);
  void preempt(Sequence& sequence);
  size_t next_waiting() const;
  bool is_held_back(const Sequence& sequence) const;
  std::unique_ptr<Sequence> take(std::vector<std::unique_ptr<Sequence>>& from, size_t index);

  const Options options_;
  const std::unique_ptr<OrderPolicy> policy_;
  kv::BlockPool pool_;
  std::vector<std::unique_ptr<Sequence>> waiting_;  // in no order: the policy may change its mind
  std::vector<std::unique_ptr<Sequence>> running_;  // in the policy's order at the last plan
  std::vector<PlanItem> plan_;
  int32_t tokens_left_ = 0;          // of the step
  int32_t prefill_tokens_left_ = 0;  // of its prefill budget
  int32_t rows_left_ = 0;
  int64_t waiting_tokens_ = 0;
  uint64_t next_order_ = 0;
  Counters counters_;
};

}  // namespace sluice::sched
