#include "sched/scheduler.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"

namespace sluice::sched {
namespace {

// Until the scheduler predicts the wait, what a client is asked to stay away for.
constexpr int32_t kRetryAfterS = 5;

std::unexpected<Error> overloaded(std::string what) {
  return std::unexpected(
      Error{Code::kOverloaded, "", std::move(what), "try again in a few seconds", kRetryAfterS});
}

// Every running sequence can decode in every step.
Options bounded(Options options) {
  options.max_running =
      std::min({options.max_running, options.step_tokens_max, options.sampled_rows_max});
  CHECK(options.max_running > 0 && options.block_count > 0);
  CHECK(options.prefill_chunk_tokens > 0 && options.prefill_chunk_tokens_decoding > 0);
  return options;
}

}  // namespace

Scheduler::Scheduler(Options options, std::unique_ptr<OrderPolicy> policy)
    : options_(bounded(options)),
      policy_(std::move(policy)),
      pool_(options.block_count, options.prefix_caching) {}

Scheduler::~Scheduler() {
  for (auto* list : {&running_, &waiting_}) {
    for (const auto& sequence : *list) sequence->table.release(pool_);
  }
}

Status Scheduler::can_submit(int64_t total_tokens_max, int32_t count, int64_t prompt_tokens) const {
  const int64_t pool_tokens = int64_t{pool_.size()} * kv::kBlockTokens;
  if (total_tokens_max > pool_tokens) {
    return fail(Code::kContextLength, "",
                "prompt and answer need " + std::to_string(total_tokens_max) +
                    " tokens of KV memory, and there are " + std::to_string(pool_tokens),
                "shorten the prompt or lower max_tokens");
  }
  const int64_t room = int64_t{options_.max_running} + options_.max_waiting;
  if (running() + waiting() + count > room) {
    return overloaded(std::to_string(running()) + " requests run and " + std::to_string(waiting()) +
                      " wait, which is all that this server takes");
  }
  if (options_.max_waiting_tokens > 0 && !waiting_.empty() &&
      waiting_tokens_ + prompt_tokens * count > options_.max_waiting_tokens) {
    return overloaded(std::to_string(waiting_tokens_) + " prompt tokens wait already");
  }
  return {};
}

Sequence* Scheduler::submit(SequenceSpec spec) {
  CHECK(!spec.tokens.empty());
  auto sequence = std::make_unique<Sequence>();
  sequence->id = spec.id;
  sequence->group = spec.group;
  sequence->order = next_order_++;
  sequence->tokens = std::move(spec.tokens);
  sequence->prompt_tokens = spec.prompt_tokens;
  sequence->priority = spec.priority;
  sequence->key = std::move(spec.key);
  sequence->cache_salt = std::move(spec.cache_salt);
  sequence->owner = spec.owner;
  waiting_tokens_ += static_cast<int64_t>(sequence->tokens.size());
  waiting_.push_back(std::move(sequence));
  return waiting_.back().get();
}

std::span<const PlanItem> Scheduler::plan(TimeNs now_ns) {
  plan_.clear();
  tokens_left_ = options_.step_tokens_max;
  rows_left_ = options_.sampled_rows_max;
  std::ranges::sort(running_,
                    [&](const auto& a, const auto& b) { return policy_->sooner(*a, *b); });
  plan_decodes();
  const int32_t chunk =
      plan_.empty() ? options_.prefill_chunk_tokens : options_.prefill_chunk_tokens_decoding;
  prefill_tokens_left_ = std::min(chunk, tokens_left_);
  plan_prefills();
  admit_waiting(now_ns);
  return plan_;
}

void Scheduler::plan_decodes() {
  // By index: what is preempted on the way comes later in the list.
  for (size_t i = 0; i < running_.size(); ++i) {
    Sequence& sequence = *running_[i];
    if (sequence.pending() != 1) continue;
    // Without a block it keeps what it has and pauses, until one comes free or is taken from it.
    if (room_for(sequence, sequence.computed + 1, true) <= sequence.computed) continue;
    plan_.push_back({&sequence, sequence.computed, 1, true, true});
    --tokens_left_;
    --rows_left_;
  }
}

void Scheduler::plan_prefills() {
  for (size_t i = 0; i < running_.size() && prefill_tokens_left_ > 0; ++i) {
    if (running_[i]->pending() > 1) add_chunk(*running_[i], true);
  }
}

void Scheduler::admit_waiting(TimeNs now_ns) {
  while (running() < options_.max_running && prefill_tokens_left_ > 0 && tokens_left_ > 0 &&
         rows_left_ > 0) {
    const size_t next = next_waiting();
    if (next == waiting_.size()) return;
    // Nobody overtakes the first in line: a long prompt would wait for ever.
    if (!running_.empty() && !fits_now(*waiting_[next])) return;
    std::unique_ptr<Sequence> taken = take(waiting_, next);
    Sequence& sequence = *taken;
    running_.push_back(std::move(taken));
    waiting_tokens_ -= static_cast<int64_t>(sequence.tokens.size());
    sequence.computed = sequence.table.adopt_prefix(pool_, sequence.tokens, sequence.cache_salt);
    sequence.state = State::kPrefilling;
    if (sequence.admitted_ns == 0) {
      sequence.admitted_ns = std::max<TimeNs>(now_ns, 1);
      sequence.cached_tokens = std::min(sequence.computed, sequence.prompt_tokens);
      counters_.cached_tokens += sequence.cached_tokens;
    }
    if (!add_chunk(sequence, false)) return;
  }
}

bool Scheduler::fits_now(const Sequence& sequence) const {
  const auto hit = kv::BlockTable::find_prefix(pool_, sequence.tokens, sequence.cache_salt);
  int64_t needed = kv::blocks_for(static_cast<int64_t>(sequence.tokens.size()) + 1) -
                   hit.tokens / kv::kBlockTokens + hit.idle_blocks;
  for (const auto& other : running_) {
    // What those in the batch will still need for the tokens they have.
    needed += std::max<int64_t>(0, kv::blocks_for(static_cast<int64_t>(other->tokens.size()) + 1) -
                                       static_cast<int64_t>(other->table.blocks().size()));
  }
  // One that was preempted waits for more room, or it would soon be preempted again.
  const int32_t spare = sequence.state == State::kPreempted ? running() : 1;
  return needed + spare <= pool_.available();
}

bool Scheduler::add_chunk(Sequence& sequence, bool may_preempt) {
  int32_t count = std::min({sequence.pending(), prefill_tokens_left_, tokens_left_});
  if (count == sequence.pending() && rows_left_ == 0) --count;
  if (count <= 0) return false;
  count = room_for(sequence, sequence.computed + count, may_preempt) - sequence.computed;
  if (count <= 0) return false;
  const bool sampled = count == sequence.pending();
  plan_.push_back({&sequence, sequence.computed, count, sampled, false});
  prefill_tokens_left_ -= count;
  tokens_left_ -= count;
  rows_left_ -= sampled ? 1 : 0;
  return true;
}

// Up to which token, at most `end`, the sequence has blocks.
int32_t Scheduler::room_for(Sequence& sequence, int32_t end, bool may_preempt) {
  while (sequence.table.grow(pool_, end) < end) {
    if (!may_preempt || !preempt_one_after(sequence)) break;
  }
  return std::min(sequence.table.token_capacity(), end);
}

bool Scheduler::preempt_one_after(const Sequence& sequence) {
  Sequence* last = nullptr;
  for (const auto& other : running_) {
    if (!policy_->sooner(sequence, *other)) continue;
    if (last == nullptr || policy_->sooner(*last, *other)) last = other.get();
  }
  if (last == nullptr) return false;
  preempt(*last);
  return true;
}

void Scheduler::preempt(Sequence& sequence) {
  const auto planned = std::ranges::find(plan_, &sequence, &PlanItem::sequence);
  if (planned != plan_.end()) {
    tokens_left_ += planned->count;
    rows_left_ += planned->sampled ? 1 : 0;
    plan_.erase(planned);
  }
  sequence.table.release(pool_);
  sequence.computed = 0;
  sequence.state = State::kPreempted;
  ++sequence.preemptions;
  ++counters_.preemptions;
  waiting_tokens_ += static_cast<int64_t>(sequence.tokens.size());
  const auto at = std::ranges::find(running_, &sequence, &std::unique_ptr<Sequence>::get);
  waiting_.push_back(take(running_, static_cast<size_t>(at - running_.begin())));
}

size_t Scheduler::next_waiting() const {
  size_t best = waiting_.size();
  for (size_t i = 0; i < waiting_.size(); ++i) {
    if (best < waiting_.size() && !policy_->sooner(*waiting_[i], *waiting_[best])) continue;
    if (!is_held_back(*waiting_[i])) best = i;
  }
  return best;
}

// While one sequence of a request computes the prompt, the others wait to share its blocks.
bool Scheduler::is_held_back(const Sequence& sequence) const {
  if (!options_.prefix_caching || sequence.prompt_tokens <= kv::kBlockTokens) return false;
  return std::ranges::any_of(running_, [&](const auto& other) {
    return other->group == sequence.group && other->computed < other->prompt_tokens;
  });
}

std::unique_ptr<Sequence> Scheduler::take(std::vector<std::unique_ptr<Sequence>>& from,
                                          size_t index) {
  std::unique_ptr<Sequence> taken = std::move(from[index]);
  from.erase(from.begin() + static_cast<ptrdiff_t>(index));
  return taken;
}

void Scheduler::complete() {
  for (const PlanItem& item : plan_) {
    Sequence& sequence = *item.sequence;
    sequence.computed += item.count;
    if (!item.is_decode) counters_.prompt_tokens_computed += item.count;
    sequence.table.publish(pool_,
                           std::span(sequence.tokens).first(static_cast<size_t>(sequence.computed)),
                           sequence.cache_salt);
    if (sequence.pending() == 0) sequence.state = State::kDecoding;
  }
  plan_.clear();
}

void Scheduler::abandon() { plan_.clear(); }

void Scheduler::append(Sequence& sequence, int32_t token) {
  CHECK(sequence.in_batch() && sequence.pending() == 0);
  sequence.tokens.push_back(token);
}

void Scheduler::finish(Sequence& sequence) {
  CHECK(plan_.empty());
  sequence.table.release(pool_);
  auto& list = sequence.in_batch() ? running_ : waiting_;
  if (!sequence.in_batch()) waiting_tokens_ -= static_cast<int64_t>(sequence.tokens.size());
  const auto at = std::ranges::find(list, &sequence, &std::unique_ptr<Sequence>::get);
  CHECK(at != list.end());
  list.erase(at);
}

void Scheduler::check_integrity() const {
  pool_.check_integrity();
  int64_t tokens = 0;
  for (const auto& sequence : waiting_) {
    CHECK(!sequence->in_batch() && sequence->table.blocks().empty() && sequence->computed == 0);
    tokens += static_cast<int64_t>(sequence->tokens.size());
  }
  CHECK(tokens == waiting_tokens_);
  CHECK(running() <= options_.max_running);
  std::vector<int32_t> references(static_cast<size_t>(pool_.size()), 0);
  for (const auto& sequence : running_) {
    CHECK(sequence->in_batch() && sequence->computed <= sequence->table.token_capacity());
    CHECK(sequence->pending() >= 0 && !sequence->tokens.empty());
    CHECK((sequence->pending() > 1) <= (sequence->state == State::kPrefilling));
    for (const int32_t block : sequence->table.blocks()) ++references[static_cast<size_t>(block)];
  }
  for (int32_t block = 0; block < pool_.size(); ++block) {
    CHECK(pool_.references(block) == references[static_cast<size_t>(block)]);
  }
}

}  // namespace sluice::sched
