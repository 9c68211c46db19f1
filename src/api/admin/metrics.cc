// GET /metrics: the generator's snapshot, then what telemetry counts itself.
#include "api/handlers.h"
#include "contract/engine_stats.h"

namespace sluice::api {
namespace {

using contract::EngineStats;
using telemetry::MetricsPage;

template <typename Histogram>
void add(MetricsPage& page, std::string_view name, std::string_view help,
         const Histogram& histogram) {
  page.histogram(name, help, Histogram::bounds(), histogram.counts, histogram.sum);
}

void add_counters(MetricsPage& page, const EngineStats& stats) {
  const auto counter = [&](std::string_view name, std::string_view help, uint64_t value) {
    page.counter(name, help, static_cast<double>(value));
  };
  counter("prefix_cache_queries_total", "Prompt tokens looked up in the prefix cache.",
          stats.prefix_cache_queries);
  counter("prefix_cache_hits_total", "Prompt tokens found in the prefix cache.",
          stats.prefix_cache_hits);
  counter("num_preemptions_total", "Sequences put back for want of memory.", stats.preemptions);
  counter("prompt_tokens_total", "Prompt tokens processed.", stats.prompt_tokens);
  counter("generation_tokens_total", "Tokens generated.", stats.generation_tokens);
  counter("engine_steps_total", "Steps of the engine.", stats.steps);
  for (size_t i = 0; i < stats.finished.size(); ++i) {
    page.counter("request_success_total", "Finished answers by reason.",
                 static_cast<double>(stats.finished[i]),
                 {{"finished_reason", finish_reason_name(static_cast<contract::FinishReason>(i))}});
  }
  for (size_t i = 0; i < stats.rejections.size(); ++i) {
    page.counter("admission_rejections_total", "Requests refused at the door, by reason.",
                 static_cast<double>(stats.rejections[i]),
                 {{"reason", contract::kRejectionNames[i]}});
  }
  for (size_t i = 0; i < stats.cancelled.size(); ++i) {
    page.counter("requests_cancelled_total", "Requests cancelled, by where they were.",
                 static_cast<double>(stats.cancelled[i]),
                 {{"stage", contract::kCancelStageNames[i]}});
  }
}

void add_histograms(MetricsPage& page, const EngineStats& stats) {
  add(page, "time_to_first_token_seconds", "From arrival to the first token.",
      stats.time_to_first_token);
  add(page, "inter_token_latency_seconds", "Between two tokens of an answer.", stats.inter_token);
  add(page, "e2e_request_latency_seconds", "From arrival to the last token.", stats.end_to_end);
  add(page, "request_queue_time_seconds", "From arrival to admission.", stats.queue_time);
  add(page, "request_prefill_time_seconds", "From admission to the first token.",
      stats.prefill_time);
  add(page, "request_decode_time_seconds", "From the first token to the last.", stats.decode_time);
  add(page, "request_prompt_tokens", "Length of prompts.", stats.request_prompt_tokens);
  add(page, "request_generation_tokens", "Length of answers.", stats.request_generation_tokens);
  add(page, "iteration_tokens", "Tokens in a step.", stats.iteration_tokens);
  add(page, "step_host_seconds", "Work between two steps of the runner.", stats.step_host_time);
}

}  // namespace

Awaitable<void> metrics(ApiContext& context, Exchange& exchange) {
  const EngineStats stats = context.generator->stats();
  const contract::Load load = context.generator->load();
  MetricsPage page = context.telemetry->new_page();
  page.gauge("num_requests_running", "Sequences in the batch.", static_cast<double>(load.running));
  page.gauge("num_requests_waiting", "Requests waiting.", static_cast<double>(load.waiting));
  page.gauge("kv_cache_usage_perc", "Share of the KV memory in use, 0 to 1.", load.kv_usage);
  add_counters(page, stats);
  add_histograms(page, stats);
  std::string body = context.telemetry->finish(std::move(page));
  (void)co_await exchange.respond(
      {200, {{"content-type", std::string(telemetry::kMetricsContentType)}}, std::move(body)});
}

}  // namespace sluice::api
