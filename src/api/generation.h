// The life of one generating request, in either family and form: submit, await admission, then
// stream or collect. What differs is an AnswerForm.
#pragma once

#include <string>

#include "api/api.h"
#include "api/respond.h"
#include "contract/fields.h"

namespace sluice::api {

// How one family writes a stream; each call appends server-sent events to `out`.
class AnswerForm {
 public:
  virtual ~AnswerForm() = default;
  virtual void open(std::string& out, int32_t choices) = 0;
  virtual void text(std::string& out, int32_t choice, std::string_view text) = 0;
  virtual void finished(std::string& out, const contract::Finished& finished) = 0;
  virtual void close(std::string& out, const contract::Usage& usage) = 0;
  virtual void error(std::string& out, const Error& error) = 0;
  // The answer in one piece.
  virtual std::string whole(std::span<const contract::ChoiceText> choices,
                            const contract::Usage& usage) = 0;
};

http::Awaitable<void> answer(ApiContext& context, http::Exchange& exchange, Family family,
                             contract::ParsedRequest parsed, std::string model, AnswerForm& form);

}  // namespace sluice::api
