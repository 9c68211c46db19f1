#include "engine/output_stage.h"

#include <algorithm>
#include <utility>

namespace sluice::engine {

using contract::FinishReason;

OutputStage::OutputStage(const text::Tokenizer& tokenizer, StopRules rules, uint64_t skip_bytes)
    : tokenizer_(tokenizer),
      rules_(std::move(rules)),
      decoder_(tokenizer),
      matcher_(std::exchange(rules_.stop, {}), rules_.include_stop_in_output),
      skip_bytes_(skip_bytes) {
  if (rules_.min_tokens > 0) {
    const auto ends = tokenizer.end_ids();
    ending_ids_.assign(ends.begin(), ends.end());
    ending_ids_.insert(ending_ids_.end(), rules_.stop_token_ids.begin(),
                       rules_.stop_token_ids.end());
  }
}

std::optional<FinishReason> OutputStage::push(int32_t id, std::string& out) {
  ++generated_;
  const bool may_stop = generated_ > rules_.min_tokens;
  if (may_stop && !rules_.ignore_eos && tokenizer_.is_end_of_generation(id)) {
    return finish(FinishReason::kStop, out);
  }
  if (may_stop && std::ranges::find(rules_.stop_token_ids, id) != rules_.stop_token_ids.end()) {
    if (rules_.include_stop_in_output) match(decoder_.push(id), out);
    return finish(FinishReason::kStop, out);
  }
  const std::string_view text = decoder_.push(id);
  if (may_stop) {
    match(text, out);
  } else {
    show(text, out);
  }
  if (matcher_.stopped()) return FinishReason::kStop;
  if (full()) return finish(FinishReason::kLength, out);
  return std::nullopt;
}

FinishReason OutputStage::finish(FinishReason reason, std::string& out) {
  match(decoder_.flush(), out);
  if (matcher_.stopped()) return FinishReason::kStop;
  show(matcher_.flush(), out);
  return reason;
}

void OutputStage::match(std::string_view text, std::string& out) {
  if (text.empty()) return;
  show(matcher_.push(text).text, out);
}

void OutputStage::show(std::string_view text, std::string& out) {
  size_t skipped = static_cast<size_t>(std::min<uint64_t>(skip_bytes_, text.size()));
  skip_bytes_ -= skipped;
  // A count that ends inside a character was no count of ours; what is sent stays well formed.
  while (skipped > 0 && skipped < text.size() && (text[skipped] & 0xC0) == 0x80) ++skipped;
  out += text.substr(skipped);
}

}  // namespace sluice::engine
