#include "base/option_table.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

struct Options {
  int32_t port = 8000;
  std::string kv_dtype = "bf16";
  uint64_t memory = 0;
  double timeout_s = 30;
  bool quiet = false;
  std::vector<std::string> names;
  std::string key;

  OptionTable table() {
    OptionTable table;
    table.group("Network");
    table.integer("port", &port, {0, 65535}, "TCP port").aliases = {"listen-port"};
    table.seconds("queue-timeout", &timeout_s, 0, 600, "wait");
    table.group("Engine");
    table.choice("kv-dtype", &kv_dtype, {"bf16", "f32"}, "KV type");
    table.bytes("memory-limit", &memory, 0, 1ull << 40, "memory");
    table.flag("quiet", &quiet, "say less");
    table.list("served-model-name", &names, "NAME", "names");
    table.secret("api-key", &key, "KEY", "key");
    return table;
  }
};

TEST(OptionTable, SetsByNameAliasAndUnderscores) {
  Options options;
  OptionTable table = options.table();
  ASSERT_TRUE(table.set("port", "0", "--port"));
  EXPECT_EQ(options.port, 0);
  ASSERT_TRUE(table.set("listen-port", "65535", "--listen-port"));
  EXPECT_EQ(options.port, 65535);
  ASSERT_TRUE(table.set("kv_dtype", "f32", "sluice.toml"));
  EXPECT_EQ(options.kv_dtype, "f32");
  ASSERT_TRUE(table.set("served-model-name", "a,b,", "--served-model-name"));
  EXPECT_EQ(options.names, (std::vector<std::string>{"a", "b"}));
  ASSERT_TRUE(table.set("queue-timeout", "2.5s", "--queue-timeout"));
  EXPECT_EQ(options.timeout_s, 2.5);
}

TEST(OptionTable, RefusesValuesPastTheirBoundsAndSaysTheRange) {
  Options options;
  OptionTable table = options.table();
  const Status low = table.set("port", "-1", "--port");
  ASSERT_FALSE(low);
  EXPECT_EQ(low.error().message(), "--port: -1 is out of range; give 0 to 65535");
  EXPECT_FALSE(table.set("port", "65536", "--port"));
  EXPECT_FALSE(table.set("port", "99999999999999999999", "--port"));
  EXPECT_FALSE(table.set("port", "80a", "--port"));
  EXPECT_FALSE(table.set("port", "", "--port"));
  EXPECT_FALSE(table.set("kv-dtype", "int3", "--kv-dtype"));
  EXPECT_FALSE(table.set("queue-timeout", "nan", "--queue-timeout"));
  EXPECT_FALSE(table.set("quiet", "maybe", "--quiet"));
  EXPECT_EQ(options.port, 8000);
}

TEST(OptionTable, SuggestsTheNearestNameInTheSpellingOfItsSource) {
  Options options;
  OptionTable table = options.table();
  EXPECT_EQ(table.set("prot", "1", "--prot").error().message(),
            "--prot: unknown option; did you mean --port?");
  EXPECT_EQ(table.unknown("kv_dtyp", "sluice.toml: kv_dtyp", "").remedy, "did you mean kv_dtype?");
  EXPECT_EQ(table.unknown("kv-dtyp", "SLUICE_KV_DTYP", "SLUICE_").remedy,
            "did you mean SLUICE_KV_DTYPE?");
  EXPECT_EQ(table.unknown("zzzzzzzz", "--zzzzzzzz", "--").remedy, "");
}

TEST(OptionTable, ReadsSizesWithUnits) {
  EXPECT_EQ(parse_bytes("512MiB").value(), 512ull << 20);
  EXPECT_EQ(parse_bytes("1.5GiB").value(), 3ull << 29);
  EXPECT_EQ(parse_bytes("2GB").value(), 2'000'000'000u);
  EXPECT_EQ(parse_bytes("77").value(), 77u);
  for (const char* bad : {"", "x", "-1", "1XB", "1e400", "nan", "99999999999GiB"}) {
    EXPECT_FALSE(parse_bytes(bad)) << bad;
  }
}

TEST(OptionTable, PrintsTomlWithoutSecrets) {
  Options options;
  OptionTable table = options.table();
  ASSERT_TRUE(table.set("api-key", "hunter2", "--api-key"));
  const std::string text = table.print();
  EXPECT_NE(text.find("# Network\nport = 8000\n"), std::string::npos) << text;
  EXPECT_NE(text.find("kv_dtype = \"bf16\"\n"), std::string::npos);
  EXPECT_EQ(text.find("hunter2"), std::string::npos);
}

}  // namespace
}  // namespace sluice
