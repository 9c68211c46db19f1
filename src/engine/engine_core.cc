#include "engine/engine_core.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace sluice::engine {

using contract::FinishReason;

static_assert(kv::kBlockTokens == model::kBlockTokens);

namespace {

constexpr int32_t kRetryAfterS = 5;

double seconds(TimeNs ns) { return static_cast<double>(ns) / static_cast<double>(kNsPerSecond); }

sched::Options scheduler_options(const CoreOptions& options, const model::RunnerInfo& info) {
  return {.block_count = info.block_count,
          .prefix_caching = options.prefix_caching,
          .max_running = options.max_running,
          .max_waiting = options.max_waiting,
          .max_waiting_tokens = options.max_waiting_tokens,
          .step_tokens_max = info.step_tokens_max,
          .sampled_rows_max = info.sampled_rows_max,
          .prefill_chunk_tokens = options.prefill_chunk_tokens,
          .prefill_chunk_tokens_decoding = options.prefill_chunk_tokens_decoding};
}

bool passed(TimeNs deadline_ns, TimeNs now_ns) { return deadline_ns != 0 && now_ns >= deadline_ns; }

bool has_penalties(const sampling::SampleSpec& spec) {
  return spec.repetition_penalty != 1.0f || spec.presence_penalty != 0.0f ||
         spec.frequency_penalty != 0.0f;
}

contract::CancelStage cancel_stage(const sched::Sequence& sequence) {
  switch (sequence.state) {
    case sched::State::kWaiting: return contract::CancelStage::kQueued;
    case sched::State::kPrefilling: return contract::CancelStage::kPrefill;
    case sched::State::kDecoding: return contract::CancelStage::kDecode;
    case sched::State::kPreempted: return contract::CancelStage::kPreempted;
  }
  return contract::CancelStage::kQueued;
}

}  // namespace

// One of the n answers to a request.
struct EngineCore::Choice {
  Request* request = nullptr;
  sampling::SampleSpec sampling;
  OutputStage stage;
  sampling::TokenCounts counts;
  bool counts_tokens = false;
  sched::Sequence* sequence = nullptr;  // null: over
  TimeNs first_token_ns = 0;
  TimeNs last_token_ns = 0;
};

struct EngineCore::Request {
  uint64_t id = 0;
  std::shared_ptr<EventSink> sink;
  std::vector<std::unique_ptr<Choice>> choices;
  int32_t open = 0;  // choices not yet over
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;
  uint64_t seed = 0;
  bool admitted = false;
  std::string replayed;  // text to send when admitted
  TimeNs arrival_ns = 0;
  TimeNs admitted_ns = 0;
  TimeNs first_token_ns = 0;
  TimeNs deadline_ns = 0;
  TimeNs first_token_deadline_ns = 0;
};

EngineCore::EngineCore(const CoreOptions& options, const text::Tokenizer& tokenizer,
                       model::Runner& runner, sampling::Sampler& sampler, const Clock& clock)
    : options_(options),
      tokenizer_(tokenizer),
      runner_(runner),
      sampler_(sampler),
      clock_(clock),
      context_length_(static_cast<int32_t>(std::min<int64_t>(
          runner.info().context_length, int64_t{runner.info().block_count} * kv::kBlockTokens))),
      scheduler_(scheduler_options(options, runner.info())) {}

EngineCore::~EngineCore() = default;

void EngineCore::submit(EngineRequest spec) {
  CHECK(!spec.prompt_ids.empty() && spec.n >= 1 && !requests_.contains(spec.id));
  CHECK(spec.continuation.generated_ids.empty() || spec.n == 1);
  const auto prompt_tokens = static_cast<int64_t>(spec.prompt_ids.size());
  const auto generated = static_cast<int64_t>(spec.continuation.generated_ids.size());
  const int64_t total = prompt_tokens + std::max<int64_t>(generated, spec.stopping.max_tokens);
  if (Status fits = scheduler_.can_submit(total, spec.n, prompt_tokens + generated); !fits) {
    refuse(spec, std::move(fits).error());
    flush();
    return;
  }
  auto made = std::make_unique<Request>();
  Request& request = *made;
  request.id = spec.id;
  request.sink = spec.sink;
  request.prompt_tokens = prompt_tokens;
  request.seed = spec.sampling.seed;
  request.arrival_ns = spec.arrival_ns;
  request.deadline_ns = spec.deadline_ns;
  request.first_token_deadline_ns = spec.first_token_deadline_ns;
  request.open = spec.n;
  for (int32_t i = 0; i < spec.n; ++i) {
    request.choices.push_back(std::make_unique<Choice>(
        Choice{.request = &request,
               .sampling = spec.sampling,
               .stage = OutputStage(tokenizer_, spec.stopping, spec.continuation.sent_bytes),
               .counts = {}}));
    request.choices.back()->sampling.choice = i;
  }
  requests_.emplace(spec.id, std::move(made));
  if (replay(request, spec.continuation.generated_ids)) {
    flush();
    return;
  }
  std::vector<int32_t> tokens = std::move(spec.prompt_ids);
  const std::vector<int32_t>& replayed = spec.continuation.generated_ids;
  for (const auto& choice : request.choices) {
    if (has_penalties(choice->sampling)) {
      choice->counts_tokens = true;
      choice->counts.add_prompt(tokens);
      for (const int32_t id : replayed) choice->counts.add_answer(id);
    }
  }
  tokens.insert(tokens.end(), replayed.begin(), replayed.end());
  for (const auto& choice : request.choices) {
    choice->sequence = scheduler_.submit({.id = next_sequence_id_++,
                                          .group = spec.id,
                                          .tokens = tokens,
                                          .prompt_tokens = static_cast<int32_t>(prompt_tokens),
                                          .priority = spec.priority,
                                          .key = spec.key,
                                          .cache_salt = spec.cache_salt,
                                          .owner = choice.get()});
  }
  update_gauges();
}

// Pushes what another run has generated through the output stages. True when the answer is
// complete with it, or when none is wanted, so that there is nothing to compute.
bool EngineCore::replay(Request& request, std::span<const int32_t> generated_ids) {
  std::optional<FinishReason> reason;
  if (request.choices.front()->stage.full()) reason = FinishReason::kLength;
  for (const int32_t id : generated_ids) {
    if (reason) break;
    reason = request.choices.front()->stage.push(id, request.replayed);
  }
  if (!reason) return false;
  const TimeNs now_ns = clock_.now_ns();
  announce(request, 0, now_ns);
  for (size_t left = request.choices.size(); left-- > 0;) {
    finish_choice(*request.choices[left], *reason, now_ns);
  }
  return true;
}

void EngineCore::cancel(uint64_t request_id) {
  const auto found = requests_.find(request_id);
  if (found == requests_.end()) return;
  count_cancelled(*found->second);
  drop(*found->second);
  update_gauges();
}

void EngineCore::count_cancelled(const Request& request) {
  for (const auto& choice : request.choices) {
    if (choice->sequence == nullptr) continue;
    ++stats_.cancelled_at(cancel_stage(*choice->sequence));
    return;
  }
}

void EngineCore::fail_all(const Error& error) {
  while (!requests_.empty()) fail_request(*requests_.begin()->second, error);
  flush();
  update_gauges();
}

bool EngineCore::step() {
  const TimeNs now_ns = clock_.now_ns();
  expire(now_ns);
  const auto planned = scheduler_.plan(now_ns);
  plan_.assign(planned.begin(), planned.end());
  if (plan_.empty()) {
    DCHECK(scheduler_.idle());
    last_step_end_ns_ = 0;
    update_gauges();
    flush();
    return false;
  }
  build_step(now_ns);
  const Result<model::StepOutput> output = run_step();
  if (output) {
    scheduler_.complete();
    deliver_rows(*output);
  } else {
    fail_planned(output.error());
  }
  update_gauges();
  flush();
  return true;
}

void EngineCore::expire(TimeNs now_ns) {
  // Why the client's own time is up; null while it is not.
  const auto missed = [now_ns](const Request& request) -> const char* {
    if (passed(request.deadline_ns, now_ns)) return "the request's time limit has passed";
    if (request.first_token_ns == 0 && passed(request.first_token_deadline_ns, now_ns)) {
      return "the time limit for the first token has passed";
    }
    return nullptr;
  };
  const auto queued_too_long = [&](const Request& request) {
    return !request.admitted && options_.queue_timeout_ns != 0 &&
           now_ns - request.arrival_ns >= options_.queue_timeout_ns;
  };
  ended_.clear();
  for (const auto& [id, request] : requests_) {
    if (missed(*request) != nullptr || queued_too_long(*request)) ended_.push_back(id);
  }
  for (const uint64_t id : ended_) {
    Request& request = *requests_.at(id);
    const char* const what = missed(request);
    if (request.admitted) {
      count_cancelled(request);
    } else {
      ++stats_.rejected(what != nullptr ? contract::Rejection::kDeadline
                                        : contract::Rejection::kQueueTimeout);
    }
    if (what != nullptr) {
      fail_request(request, {Code::kDeadline, "", what, ""});
      continue;
    }
    fail_request(request,
                 {Code::kOverloaded, "",
                  "the request waited " + std::to_string((now_ns - request.arrival_ns) / kNsPerMs) +
                      " ms in the queue, which is its limit",
                  "try again in a few seconds", kRetryAfterS});
  }
}

void EngineCore::announce(Request& request, int64_t cached_tokens, TimeNs now_ns) {
  request.admitted = true;
  request.admitted_ns = now_ns;
  request.cached_tokens = cached_tokens;
  stats_.prompt_tokens += static_cast<uint64_t>(request.prompt_tokens);
  stats_.prefix_cache_queries += static_cast<uint64_t>(request.prompt_tokens);
  stats_.prefix_cache_hits += static_cast<uint64_t>(cached_tokens);
  stats_.queue_time.observe(seconds(now_ns - request.arrival_ns));
  stats_.request_prompt_tokens.observe(static_cast<double>(request.prompt_tokens));
  emit(request, contract::Admitted{.prompt_tokens = request.prompt_tokens,
                                   .cached_tokens = cached_tokens,
                                   .seed = request.seed});
  if (!request.replayed.empty()) {
    emit(request,
         contract::Delta{.choice = 0, .text = std::exchange(request.replayed, {}), .ids = {}});
  }
}

void EngineCore::build_step(TimeNs now_ns) {
  slices_.clear();
  for (const sched::PlanItem& item : plan_) {
    const sched::Sequence& sequence = *item.sequence;
    const Choice& choice = *static_cast<Choice*>(sequence.owner);
    if (!choice.request->admitted) announce(*choice.request, sequence.cached_tokens, now_ns);
    slices_.push_back(
        {.sequence_id = sequence.id,
         .tokens =
             std::span(sequence.tokens)
                 .subspan(static_cast<size_t>(item.position), static_cast<size_t>(item.count)),
         .position = item.position,
         .blocks = sequence.table.blocks(),
         .sampled_rows = item.sampled ? 1 : 0,
         .argmax_is_enough = choice.sampling.argmax_is_enough() && choice.stage.banned().empty(),
         // Greedy answers have no use for a seed, and must not depend on one.
         .seed = choice.sampling.is_greedy()
                     ? 0
                     : choice.sampling.seed ^
                           (static_cast<uint64_t>(choice.sampling.choice) * 0x9E3779B97F4A7C15)});
  }
}

Result<model::StepOutput> EngineCore::run_step() {
  const TimeNs start_ns = clock_.now_ns();
  if (last_step_end_ns_ != 0) {
    stats_.step_host_time.observe(seconds(start_ns - last_step_end_ns_ - sampling_ns_));
  }
  int64_t tokens = 0;
  for (const sched::PlanItem& item : plan_) tokens += item.count;
  ++stats_.steps;
  stats_.iteration_tokens.observe(static_cast<double>(tokens));
  const Status taken = runner_.submit({.slices = slices_});
  Result<model::StepOutput> output = taken ? runner_.wait() : std::unexpected(taken.error());
  last_step_end_ns_ = clock_.now_ns();
  sampling_ns_ = 0;
  return output;
}

// A step that failed takes its requests with it; the others never notice.
void EngineCore::fail_planned(const Error& error) {
  scheduler_.abandon();
  ended_.clear();
  for (const sched::PlanItem& item : plan_) {
    ended_.push_back(static_cast<Choice*>(item.sequence->owner)->request->id);
  }
  std::ranges::sort(ended_);
  const auto repeated = std::ranges::unique(ended_);
  ended_.erase(repeated.begin(), repeated.end());
  for (const uint64_t id : ended_) {
    fail_request(*requests_.at(id), {Code::kInternal, error.where,
                                     "a step of the model failed: " + error.what, error.remedy});
  }
}

void EngineCore::deliver_rows(const model::StepOutput& output) {
  sampled_.clear();
  size_t row = 0;
  const TimeNs start_ns = clock_.now_ns();
  for (const sched::PlanItem& item : plan_) {
    if (!item.sampled) continue;
    Choice& choice = *static_cast<Choice*>(item.sequence->owner);
    sampled_.push_back({&choice, choose(choice, output, row++)});
  }
  const TimeNs now_ns = clock_.now_ns();
  sampling_ns_ = now_ns - start_ns;
  // A choice that ends destroys at most itself and its request's other choices that have ended,
  // none of which is in this step.
  for (const auto& [choice, token] : sampled_) deliver(*choice, token, now_ns);
}

int32_t EngineCore::choose(Choice& choice, const model::StepOutput& output, size_t row) {
  if (!output.ids.empty() && output.ids[row] >= 0) return output.ids[row];
  const auto vocab = static_cast<size_t>(runner_.info().vocab_size);
  return sampler_.sample(choice.sampling, output.logits.subspan(row * vocab, vocab), choice.counts,
                         static_cast<int64_t>(choice.sequence->tokens.size()),
                         choice.stage.banned());
}

void EngineCore::deliver(Choice& choice, int32_t token, TimeNs now_ns) {
  Request& request = *choice.request;
  ++stats_.generation_tokens;
  if (request.first_token_ns == 0) {
    request.first_token_ns = now_ns;
    stats_.time_to_first_token.observe(seconds(now_ns - request.arrival_ns));
    stats_.prefill_time.observe(seconds(now_ns - request.admitted_ns));
  }
  if (choice.first_token_ns == 0) {
    choice.first_token_ns = now_ns;
  } else {
    stats_.inter_token.observe(seconds(now_ns - choice.last_token_ns));
  }
  choice.last_token_ns = now_ns;
  if (choice.counts_tokens) choice.counts.add_answer(token);
  contract::Delta delta{.choice = choice.sampling.choice, .text = {}, .ids = {token}};
  const std::optional<FinishReason> reason = choice.stage.push(token, delta.text);
  emit(request, std::move(delta));
  if (reason) {
    finish_choice(choice, *reason, now_ns);
  } else {
    scheduler_.append(*choice.sequence, token);
  }
}

void EngineCore::finish_choice(Choice& choice, FinishReason reason, TimeNs now_ns) {
  Request& request = *choice.request;
  if (choice.sequence != nullptr) scheduler_.finish(*std::exchange(choice.sequence, nullptr));
  const TimeNs first_ns = choice.first_token_ns == 0 ? now_ns : choice.first_token_ns;
  emit(request, contract::Finished{.choice = choice.sampling.choice,
                                   .reason = reason,
                                   .stop_string = std::string(choice.stage.stop_string()),
                                   .usage = {.prompt_tokens = request.prompt_tokens,
                                             .completion_tokens = choice.stage.generated(),
                                             .cached_tokens = request.cached_tokens},
                                   .timings = {.queue_ns = request.admitted_ns - request.arrival_ns,
                                               .prefill_ns = first_ns - request.admitted_ns,
                                               .decode_ns = now_ns - first_ns}});
  ++stats_.finished[static_cast<size_t>(reason)];
  stats_.request_generation_tokens.observe(choice.stage.generated());
  stats_.decode_time.observe(seconds(now_ns - first_ns));
  if (--request.open > 0) return;
  stats_.end_to_end.observe(seconds(now_ns - request.arrival_ns));
  requests_.erase(request.id);
}

void EngineCore::drop(Request& request) {
  for (const auto& choice : request.choices) {
    if (choice->sequence != nullptr) scheduler_.finish(*choice->sequence);
  }
  requests_.erase(request.id);
}

void EngineCore::fail_request(Request& request, Error error) {
  emit(request, std::unexpected(std::move(error)));
  drop(request);
}

void EngineCore::refuse(const EngineRequest& request, Error error) {
  ++stats_.rejected(error.code == Code::kContextLength ? contract::Rejection::kContextLength
                                                       : contract::Rejection::kQueueFull);
  emit_to(request.sink, request.id, std::unexpected(std::move(error)));
}

void EngineCore::emit(const Request& request, Result<contract::Event> event) {
  emit_to(request.sink, request.id, std::move(event));
}

void EngineCore::emit_to(const std::shared_ptr<EventSink>& sink, uint64_t id,
                         Result<contract::Event> event) {
  sink->emit(id, std::move(event));
  if (std::ranges::find(dirty_, sink) == dirty_.end()) dirty_.push_back(sink);
}

void EngineCore::flush() {
  for (const auto& sink : dirty_) sink->flush();
  dirty_.clear();
}

void EngineCore::update_gauges() {
  const kv::PoolStats pool = scheduler_.pool_stats();
  stats_.running = scheduler_.running();
  stats_.waiting = scheduler_.waiting();
  stats_.kv_usage = static_cast<double>(pool.used) / static_cast<double>(pool.blocks);
  stats_.preemptions = static_cast<uint64_t>(scheduler_.counters().preemptions);
}

void EngineCore::check_integrity() const {
  scheduler_.check_integrity();
  int32_t sequences = 0;
  for (const auto& [id, request] : requests_) {
    int32_t open = 0;
    for (const auto& choice : request->choices) {
      if (choice->sequence == nullptr) continue;
      ++open;
      CHECK(choice->sequence->owner == choice.get() && choice->sequence->group == id);
    }
    CHECK(request->id == id && open == request->open && open > 0);
    sequences += open;
  }
  CHECK(sequences == scheduler_.running() + scheduler_.waiting());
  if (requests_.empty()) CHECK(scheduler_.pool_stats().used == 0);
}

}  // namespace sluice::engine
