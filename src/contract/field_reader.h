// What the field tables' own readers are written with. Included by contract/*.cc only.
#pragma once

#include <simdjson.h>

#include <optional>
#include <string>
#include <string_view>

#include "contract/fields.h"

namespace sluice::contract {

using Element = simdjson::dom::element;
using ElementType = simdjson::dom::element_type;

std::string_view type_name(const Element& element);  // "a string", "an integer"

// Where in the body a reader is, and whom it tells about problems.
class FieldScope {
 public:
  FieldScope(Problems& problems, bool lax) : problems_(problems), lax_(lax) {}

  // Steps into a key or an index for as long as the returned guard lives.
  class Step {
   public:
    Step(Path& path, PathStep step) : path_(path) { path_.push_back(std::move(step)); }
    ~Step() { path_.pop_back(); }
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;

   private:
    Path& path_;
  };
  [[nodiscard]] Step into(std::string_view key) { return {path_, {std::string(key), -1}}; }
  [[nodiscard]] Step into(int64_t index) { return {path_, {{}, index}}; }

  bool lax() const { return lax_; }
  // Long lists of problems end here: a body of millions is refused for its first few.
  bool overflowed() const { return problems_.overflowed(); }

  void problem(const Element* input, std::string what, std::string type, std::string detail,
               std::string ctx_json = {});
  void unsupported(const Element* input, std::string what);
  void missing(const Element* input);
  // A rule of our own: Pydantic's value_error.
  void invalid(const Element* input, std::string what);
  void out_of_range(const Element& input, const FieldRow& row, bool below);

  // Each answers nothing after having told the problem.
  std::optional<bool> boolean(const Element& element);
  std::optional<int64_t> integer(const Element& element);
  std::optional<int64_t> integer(const Element& element, int64_t min, int64_t max);
  std::optional<double> number(const Element& element);
  std::optional<double> number(const Element& element, double min, double max);
  std::optional<std::string_view> string(const Element& element);
  std::optional<simdjson::dom::array> array(const Element& element);
  std::optional<simdjson::dom::object> object(const Element& element);

 private:
  Problems& problems_;
  Path path_;
  bool lax_;
};

// Readers of the fields that more than one table has.
void read_messages(FieldScope& scope, const Element& element, ParsedRequest& parsed);
void read_stop(FieldScope& scope, const Element& element, ParsedRequest& parsed);
void read_stop_token_ids(FieldScope& scope, const Element& element, ParsedRequest& parsed);
void read_logit_bias(FieldScope& scope, const Element& element, ParsedRequest& parsed);
void read_template_kwargs(FieldScope& scope, const Element& element, ParsedRequest& parsed);
void read_prompt(FieldScope& scope, const Element& element, ParsedRequest& parsed);
bool read_token_ids(FieldScope& scope, const simdjson::dom::array& array, size_t length_max,
                    std::vector<int32_t>& ids);

FieldRow model_row();
// Rows of temperature, top_p, seed and the like, which every generating endpoint has.
void add_sampling_rows(std::vector<FieldRow>& rows);
// Known fields that are refused for now.
void add_later_rows(std::vector<FieldRow>& rows);

FieldRow boolean_row(std::string_view name, bool default_value, std::string_view doc,
                     void (*set)(ParsedRequest&, bool));
FieldRow integer_row(std::string_view name, int64_t min, int64_t max, std::string_view default_json,
                     std::string_view doc, void (*set)(ParsedRequest&, int64_t));
FieldRow number_row(std::string_view name, double min, double max, std::string_view doc,
                    void (*set)(ParsedRequest&, double));
FieldRow string_row(std::string_view name, std::string_view doc,
                    void (*set)(ParsedRequest&, std::string_view));
FieldRow composite_row(std::string_view name, FieldKind kind, std::string_view schema_json,
                       std::string_view doc,
                       void (*read)(FieldScope&, const Element&, ParsedRequest&));

}  // namespace sluice::contract
