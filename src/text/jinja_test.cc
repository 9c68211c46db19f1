// Small templates against what the jinja2 library makes of them, and the bounds.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <thread>

#include "text/chat_template.h"
#include "text/value.h"

namespace sluice::text {
namespace {

std::string read(const std::string& name) {
  std::ifstream file(std::string(SLUICE_SOURCE_DIR "/tests/golden/") + name);
  std::stringstream out;
  out << file.rdbuf();
  return out.str();
}

Result<std::string> render(std::string source, const Value& kwargs = {},
                           TemplateLimits limits = {}) {
  const auto made = TRY(ChatTemplate::create(std::move(source), {}, limits));
  return made->render_text(
      {.messages = Value::list({}), .kwargs = kwargs, .unix_time_s = 1735689599});
}

std::string error_of(std::string source, TemplateLimits limits = {}) {
  const auto result = render(std::move(source), {}, limits);
  return result ? "no error but: " + *result : result.error().message();
}

TEST(Jinja, PrintsWhatTheJinja2LibraryPrints) {
  const auto golden = parse_json(read("jinja_expressions.json"));
  ASSERT_TRUE(golden) << golden.error().message();
  const Value* context = golden->as_dict().find("context");
  const Value* cases = golden->as_dict().find("cases");
  ASSERT_TRUE(context && cases);
  ASSERT_GT(cases->as_list().items.size(), 500u);
  for (const Value& each : cases->as_list().items) {
    const std::string& source = each.as_dict().find("in")->as_string();
    const Value& out = *each.as_dict().find("out");
    const auto result = render(source, *context);
    if (out.is_none()) {
      EXPECT_FALSE(result) << source << " gave " << *result;
    } else if (!result) {
      ADD_FAILURE() << source << ": " << result.error().message();
    } else {
      EXPECT_EQ(*result, out.as_string()) << source;
    }
  }
}

TEST(Jinja, ErrorsNameLineAndColumn) {
  EXPECT_EQ(error_of("a\n  {{ 1 + }}"),
            "chat template line 2, column 10: unexpected end of the tag");
  EXPECT_EQ(error_of("a\n\n {{ x.y }}"), "chat template line 3, column 6: 'x' is undefined");
  EXPECT_EQ(error_of("{{ raise_exception('no ' ~ 'way') }}"),
            "chat template line 1, column 19: no way");
}

TEST(Jinja, StopsAtItsBounds) {
  EXPECT_NE(
      error_of("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}")
          .find("more "),
      std::string::npos);
  EXPECT_NE(error_of("{{ 'x' * 10**12 }}").find("limit"), std::string::npos);
  EXPECT_NE(error_of("{{ [1] * 10**12 }}").find("limit"), std::string::npos);
  EXPECT_NE(error_of("{% set ns = namespace(a='xx') %}{% for i in range(64) %}"
                     "{% set ns.a = ns.a + ns.a %}{% endfor %}")
                .find("more memory"),
            std::string::npos);
  EXPECT_NE(error_of("{% set ns = namespace(a=[1]) %}{% for i in range(64) %}"
                     "{% set ns.a = [ns.a, ns.a] %}{% endfor %}{{ ns.a == [ns.a] }}{{ ns.a }}")
                .find("limit"),
            std::string::npos);
  EXPECT_NE(error_of("{{ '%999999999d' % 1 }}").find("width"), std::string::npos);
}

TEST(Jinja, OutputIsBoundedToTheByte) {
  TemplateLimits limits;
  limits.output_bytes = 10;
  EXPECT_TRUE(render("{{ 'x' * 10 }}", {}, limits));
  const auto beyond = render("{{ 'x' * 10 }}y", {}, limits);
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().code, Code::kTooLarge);
}

TEST(Jinja, DeepNestingIsAnErrorNotACrash) {
  std::string blocks, closes;
  for (int i = 0; i < 1000; ++i) {
    blocks += "{% if 1 %}";
    closes += "{% endif %}";
  }
  EXPECT_NE(error_of(blocks + closes).find("too deep"), std::string::npos);
  for (const char* open : {"(", "[", "{1:", "not ", "-", "f(", "x[", "1 if ", "1 + (", "{'a':["}) {
    std::string deep = "{{ ";
    for (int i = 0; i < 100000; ++i) deep += open;
    EXPECT_NE(error_of(deep + " }}").find("too deep"), std::string::npos) << open;
  }
  for (const char* more : {"+1", ".a", "|upper", "[0]", "()", " is defined", " and 1", "**2"}) {
    std::string chain = "{{ 1";
    for (int i = 0; i < 1000; ++i) chain += more;
    EXPECT_FALSE(render(chain + " }}")) << more;
  }
  EXPECT_NE(error_of("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}").find("too deep"),
            std::string::npos);
  EXPECT_NE(error_of("{% set ns = namespace(a=[]) %}{% for i in range(9999) %}"
                     "{% set ns.a = [ns.a] %}{% endfor %}")
                .find("too deep"),
            std::string::npos);
}

TEST(Jinja, FiltersThatCallFiltersAreBounded) {
  EXPECT_NE(error_of("{{ ['a']|map(*(['map'] * 100000)) }}").find("too deep"), std::string::npos);
}

TEST(Jinja, ASmallStackIsEnough) {
  // Every nested expression form within a recursive macro; worker threads have 8 MiB.
  std::string inner(90, '(');
  inner += "m()" + std::string(90, ')');
  std::thread([&] {
    EXPECT_FALSE(render("{% macro m() %}{% if 1 %}{{ " + inner +
                        "}}{% endif %}{% endmacro %}"
                        "{{ [m()|upper]|map('join')|list }}"));
  }).join();
}

TEST(Jinja, CyclesAreFreed) {
  EXPECT_TRUE(
      render("{% set ns = namespace() %}{% set ns.me = ns %}{% macro m() %}{% endmacro %}"
             "{% set ns.m = m %}"));
}

TEST(ParseJson, RefusesDuplicatesAndDepth) {
  EXPECT_FALSE(parse_json(R"({"a": 1, "a": 2})"));
  EXPECT_FALSE(parse_json("{"));
  EXPECT_TRUE(parse_json(std::string(127, '[') + std::string(127, ']')));
  EXPECT_FALSE(parse_json(std::string(130, '[') + std::string(130, ']')));
  EXPECT_FALSE(parse_json("\"\xff\""));
}

TEST(ParseJson, KeepsOrderAndTakesBigIntegersAsDoubles) {
  Budget budget;
  const auto value = parse_json(R"({"z": 1, "a": [123456789012345678901234567890, 1.5, "99"]})");
  ASSERT_TRUE(value) << value.error().message();
  EXPECT_EQ(to_json(*value, {}, budget)->bytes,
            R"({"z": 1, "a": [1.2345678901234568e+29, 1.5, "99"]})");
}

}  // namespace
}  // namespace sluice::text
