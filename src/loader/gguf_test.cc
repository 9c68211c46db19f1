#include "loader/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "loader/parse.h"
#include "tests/support/gguf_builder.h"

namespace sluice::loader {
namespace {

using sluice::testing::GgufBuilder;
using sluice::testing::GgufBytes;
using sluice::testing::GgufTensor;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Bytes = std::vector<std::byte>;

Bytes bytes_of(std::string_view text) { return GgufBytes().raw(text).bytes(); }

std::string message_of(const Bytes& bytes) {
  const auto file = GgufFile::parse("m.gguf", bytes);
  return file ? "no error" : file.error().message();
}

std::string message_of(const GgufBuilder& builder) { return message_of(builder.build()); }

GgufTensor floats(std::string name, std::vector<uint64_t> dims, size_t bytes) {
  return {std::move(name), 0, std::move(dims), Bytes(bytes, std::byte{1})};
}

GgufBuilder sample() {
  GgufBuilder builder;
  builder.string("general.architecture", "qwen2")
      .u32("qwen2.block_count", 24)
      .f32("epsilon", 0.5F)
      .boolean("flag", true)
      .strings("tokens", {"a", "", "b c"})
      .numbers<int32_t>("types", 5, {1, -3})
      .numbers<float>("scores", 6, {0.5F, -1.0F})
      .tensor_f32("norm", {3}, {1, 2, 3})
      .tensor({"w", 8, {32, 2}, Bytes(68, std::byte{7})});
  return builder;
}

class TempFile {
 public:
  explicit TempFile(const Bytes& bytes) {
    static int count = 0;
    path_ = std::filesystem::temp_directory_path() /
            ("gguf_test_" + std::to_string(getpid()) + "_" + std::to_string(count++));
    std::ofstream(path_, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }
  ~TempFile() { std::filesystem::remove(path_); }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

TEST(Gguf, ReadsMetadataAndTensors) {
  const Bytes bytes = sample().build();
  const auto file = *GgufFile::parse("m.gguf", bytes);
  EXPECT_EQ(file->version(), 3u);
  EXPECT_EQ(file->get_string("general.architecture").value(), "qwen2");
  EXPECT_EQ(file->get_u32("qwen2.block_count").value(), 24u);
  EXPECT_EQ(file->get_f32("epsilon").value(), 0.5F);
  EXPECT_TRUE(file->get_bool("flag").value());
  EXPECT_THAT(file->get_strings("tokens").value(), ElementsAre("a", "", "b c"));
  EXPECT_THAT(file->get_integers("types").value(), ElementsAre(1, -3));
  EXPECT_THAT(file->get_floats("scores").value(), ElementsAre(0.5F, -1.0F));
  ASSERT_EQ(file->tensors().size(), 2u);
  const TensorView weight = file->tensor("w").value();
  EXPECT_EQ(weight.dtype, DType::kQ8_0);
  EXPECT_EQ(weight.columns(), 32);
  EXPECT_EQ(weight.rows(), 2);
  EXPECT_EQ(weight.data.size(), 68u);
  EXPECT_EQ(weight.data[0], std::byte{7});
  EXPECT_EQ(file->find("absent"), nullptr);
  EXPECT_EQ(file->tensor("absent").error().message(),
            "m.gguf: tensor 'absent': missing among its 2 tensors; use a complete file of the "
            "model");
}

TEST(Gguf, ReadsVersionTwoAndFilesWithoutTensors) {
  GgufBuilder builder;
  builder.version = 2;
  builder.u32("n", 1);
  const Bytes bytes = builder.build();
  const auto file = GgufFile::parse("m.gguf", bytes);
  ASSERT_TRUE(file) << file.error().message();
  EXPECT_TRUE((*file)->tensors().empty());
}

TEST(Gguf, WidensIntegersThatFitAndNamesTheKeyOtherwise) {
  GgufBuilder builder;
  builder.key("u8", 0, GgufBytes().number<uint8_t>(200))
      .key("i8", 1, GgufBytes().number<int8_t>(-1))
      .key("i16", 3, GgufBytes().number<int16_t>(300))
      .key("u64", 10, GgufBytes().number<uint64_t>(uint64_t{1} << 32))
      .key("huge", 10, GgufBytes().number(std::numeric_limits<uint64_t>::max()))
      .key("f64", 12, GgufBytes().number(1e300))
      .string("text", "x");
  const Bytes bytes = builder.build();
  const auto file = *GgufFile::parse("m.gguf", bytes);
  EXPECT_EQ(file->get_u32("u8").value(), 200u);
  EXPECT_EQ(file->get_u64("i16").value(), 300u);
  EXPECT_EQ(file->get_i32("i8").value(), -1);
  EXPECT_FALSE(file->get_u32("i8"));
  EXPECT_FALSE(file->get_u32("u64"));
  EXPECT_EQ(file->get_i64("u64").value(), int64_t{1} << 32);
  EXPECT_FALSE(file->get_i64("huge"));
  EXPECT_EQ(file->get_f32("u8").value(), 200.0F);
  EXPECT_FALSE(file->get_f32("f64"));
  EXPECT_FALSE(file->get_bool("u8"));
  EXPECT_FALSE(file->get_strings("text"));
  EXPECT_THAT(file->get_i32("text").error().message(),
              HasSubstr("m.gguf: key 'text': expected an integer of 32 bits, found a string"));
  EXPECT_EQ(file->get_u32("absent").error().code, Code::kNotFound);
  EXPECT_EQ(file->get_u32("absent", 7).value(), 7u);
  EXPECT_EQ(file->get_string("absent", "y").value(), "y");
  EXPECT_FALSE(file->get_u32("text", 7)) << "a fallback hides absence, not a wrong type";
}

TEST(Gguf, EveryTruncationIsAnError) {
  const Bytes whole = sample().build();
  for (size_t size = 0; size < whole.size(); ++size) {
    const Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    const auto file = GgufFile::parse("m.gguf", part);
    ASSERT_FALSE(file) << size;
    ASSERT_THAT(file.error().where, HasSubstr("m.gguf")) << size;
    ASSERT_FALSE(file.error().remedy.empty()) << size;
    ASSERT_EQ(file.error().message().find('\n'), std::string::npos) << size;
  }
}

TEST(Gguf, NoFlippedByteCrashes) {
  Bytes bytes = sample().build();
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (const int flip : {0x01, 0x80, 0xFF, 0x20}) {
      bytes[at] ^= static_cast<std::byte>(flip);
      if (const auto file = GgufFile::parse("m.gguf", bytes)) {
        (*file)->fingerprint();
        for (const MetadataEntry& entry : (*file)->metadata()) entry.value.text();
      }
      bytes[at] ^= static_cast<std::byte>(flip);
    }
  }
}

TEST(Gguf, TruncatedDataSaysHowManyBytesThereShouldBe) {
  Bytes bytes = sample().build();
  const std::string whole = std::to_string(bytes.size());
  bytes.pop_back();
  EXPECT_EQ(message_of(bytes), "m.gguf: truncated: has " + std::to_string(bytes.size()) +
                                   " bytes, its tensors need " + whole + "; download it again");
}

TEST(Gguf, ForeignFilesAreRecognised) {
  EXPECT_EQ(message_of(Bytes{}), "m.gguf: the file is empty; download it again");
  EXPECT_THAT(message_of(bytes_of("PK\3\4rest")),
              HasSubstr("m.gguf: byte 0: not a GGUF file (starts with 'PK\\x03\\x04rest', a zip "
                        "archive"));
  EXPECT_THAT(message_of(bytes_of("\n <!DOCTYPE HTML><html>")), HasSubstr("a web page"));
  EXPECT_THAT(message_of(bytes_of("<HTML>")), HasSubstr("a web page"));
  EXPECT_THAT(message_of(bytes_of("{\"error\": 1}")), HasSubstr("JSON"));
  EXPECT_THAT(message_of(bytes_of(std::string("\x10\0\0\0\0\0\0\0{\"a\"", 12))),
              HasSubstr("safetensors"));
  EXPECT_THAT(message_of(bytes_of("version https://git-lfs.github.com/spec/v1")),
              HasSubstr("git lfs pull"));
  EXPECT_THAT(message_of(Bytes(4096)), HasSubstr("unfinished download"));
  EXPECT_THAT(message_of(bytes_of("tjgg....")), HasSubstr("before GGUF"));
  EXPECT_THAT(message_of(bytes_of("hello")), HasSubstr("give a .gguf file"));
}

TEST(Gguf, OtherVersionsAndByteOrderAreNamed) {
  GgufBuilder builder;
  for (const uint32_t version : {0u, 1u, 4u}) {
    builder.version = version;
    EXPECT_THAT(message_of(builder), HasSubstr("GGUF version " + std::to_string(version)));
  }
  builder.version = 0x03000000;
  EXPECT_THAT(message_of(builder), HasSubstr("big-endian"));
}

TEST(Gguf, HugeCountsAreRefusedBeforeMemoryIsTaken) {
  GgufBuilder tensors = sample();
  tensors.tensor_count = uint64_t{1} << 60;
  EXPECT_THAT(message_of(tensors),
              HasSubstr("m.gguf: byte 8: says that it has 1152921504606846976"));
  GgufBuilder keys = sample();
  keys.key_count = kKeysMax;
  EXPECT_THAT(message_of(keys), HasSubstr("65536 keys, but is only"));
  keys.key_count = kKeysMax + 1;
  EXPECT_THAT(message_of(keys), HasSubstr("at most 65536"));
  for (const uint32_t element : {0u, 8u, 9u, 12u}) {
    GgufBuilder array;
    array.key("a", 9, GgufBytes().number(element).number(uint64_t{1} << 60));
    EXPECT_THAT(message_of(array), HasSubstr("key 'a': an array is said to have"));
  }
  GgufBuilder string;
  string.key("s", 8, GgufBytes().number(std::numeric_limits<uint64_t>::max()));
  EXPECT_THAT(message_of(string), HasSubstr("key 's': a string"));
}

TEST(Gguf, KeysAreUniqueBoundedAndNotEmpty) {
  EXPECT_THAT(message_of(GgufBuilder().u32("k", 1).u32("k", 2)),
              HasSubstr("key 'k': is there twice"));
  EXPECT_EQ(message_of(GgufBuilder().u32(std::string(65535, 'k'), 1)), "no error");
  EXPECT_THAT(message_of(GgufBuilder().u32(std::string(65536, 'k'), 1)), HasSubstr("65536 bytes"));
  EXPECT_THAT(message_of(GgufBuilder().u32("", 1)), HasSubstr("empty"));
}

TEST(Gguf, HostileNamesStayOnOneLine) {
  const std::string text =
      message_of(GgufBuilder().u32("k\n\x1b[2J\xff", 1).u32("k\n\x1b[2J\xff", 1));
  EXPECT_THAT(text, HasSubstr("'k\\x0a\\x1b[2J\\xff'"));
  EXPECT_EQ(text.find('\n'), std::string::npos);
}

TEST(Gguf, ArraysNestToFourLevels) {
  const auto nested = [](int levels) {
    GgufBytes bytes;
    for (int i = 1; i < levels; ++i) bytes.number(uint32_t{9}).number(uint64_t{1});
    bytes.number(uint32_t{0}).number(uint64_t{1}).number(uint8_t{5});
    return message_of(GgufBuilder().key("a", 9, bytes));
  };
  EXPECT_EQ(nested(4), "no error");
  EXPECT_THAT(nested(5), HasSubstr("nested deeper than 4"));
}

TEST(Gguf, ValuesAreChecked) {
  EXPECT_THAT(message_of(GgufBuilder().key("b", 7, GgufBytes().number<uint8_t>(2))),
              HasSubstr("key 'b': a boolean is neither 0 nor 1"));
  EXPECT_THAT(message_of(GgufBuilder().key("b", 13, GgufBytes().number<uint64_t>(2))),
              HasSubstr("unknown value type 13"));
}

TEST(Gguf, AlignmentIsAPowerOfTwoWithinBounds) {
  const auto with = [](uint32_t alignment) {
    GgufBuilder builder;
    builder.alignment = alignment == 0 ? 1 : alignment;
    builder.u32("general.alignment", alignment).tensor(floats("a", {1}, 4));
    builder.tensor(floats("b", {1}, 4));
    return message_of(builder);
  };
  EXPECT_EQ(with(8), "no error");
  EXPECT_EQ(with(1 << 20), "no error");
  for (const uint32_t alignment : {0u, 4u, 24u, 1u << 21}) {
    EXPECT_THAT(with(alignment), HasSubstr("key 'general.alignment'")) << alignment;
  }
}

TEST(Gguf, TensorShapesAndTypesAreChecked) {
  const auto with = [](GgufTensor tensor) { return message_of(GgufBuilder().tensor(tensor)); };
  const uint64_t big = uint64_t{1} << 33;
  EXPECT_EQ(with(floats("t", {1, 1, 1, 2}, 8)), "no error");
  EXPECT_THAT(with(floats("t", {}, 8)), HasSubstr("tensor 't': has 0 dimensions"));
  EXPECT_THAT(with(floats("t", {1, 1, 1, 1, 1}, 8)), HasSubstr("has 5 dimensions"));
  EXPECT_THAT(with(floats("t", {2, 0}, 8)), HasSubstr("a dimension is 0"));
  EXPECT_THAT(with(floats("t", {big, big}, 8)), HasSubstr("multiply to more than"));
  EXPECT_THAT(with(floats("t", {big, big / 32}, 8)), HasSubstr("beyond any file"));
  EXPECT_THAT(with(floats("t", {big, big / 16}, 8)), HasSubstr("larger than any memory"));
  EXPECT_THAT(with({"t", 12, {255}, Bytes(144)}), HasSubstr("Q4_K comes in blocks of 256"));
  EXPECT_THAT(with({"t", 11, {256}, Bytes(110)}), HasSubstr("type Q3_K is not supported"));
  EXPECT_THAT(with({"t", 99, {256}, Bytes(110)}), HasSubstr("unknown tensor type 99"));
  EXPECT_EQ(with(floats(std::string(64, 'n'), {1}, 4)), "no error");
  EXPECT_THAT(with(floats(std::string(65, 'n'), {1}, 4)), HasSubstr("65 bytes long"));
  EXPECT_THAT(with(floats("", {1}, 4)), HasSubstr("name is empty"));
}

TEST(Gguf, TensorPlacesAreChecked) {
  const auto with = [](uint64_t offset) {
    GgufBuilder builder;
    GgufTensor second = floats("second", {9}, 36);
    second.offset = offset;
    return message_of(builder.tensor(floats("first", {9}, 36)).tensor(second));
  };
  EXPECT_EQ(with(64), "no error");
  EXPECT_THAT(with(32), HasSubstr("tensor 'second': its data overlaps that of 'first'"));
  EXPECT_THAT(with(0), HasSubstr("overlaps"));
  EXPECT_THAT(with(65), HasSubstr("offset 65 is not a multiple of the alignment 32"));
  EXPECT_THAT(with(96), HasSubstr("truncated"));
  EXPECT_THAT(with(~uint64_t{31}), HasSubstr("beyond any file"));
  EXPECT_THAT(message_of(GgufBuilder().tensor(floats("t", {1}, 4)).tensor(floats("t", {1}, 4))),
              HasSubstr("tensor 't': is there twice"));
}

TEST(Gguf, FingerprintDependsOnContentOnly) {
  const Bytes bytes = sample().build();
  const auto print = [](const Bytes& content) {
    return (*GgufFile::parse("any", content))->fingerprint();
  };
  Bytes other_data = bytes;
  other_data.back() ^= std::byte{1};
  Bytes other_key = sample().u32("extra", 1).build();
  EXPECT_EQ((*GgufFile::parse("x", bytes))->fingerprint(), print(bytes));
  EXPECT_NE(print(other_data), print(bytes));
  EXPECT_NE(print(other_key), print(bytes));
}

TEST(GgufOpen, ReadsAFileAndReleasedPagesComeBack) {
  GgufBuilder builder;
  builder.tensor({"big", 0, {16384}, Bytes(65536, std::byte{9})});
  const TempFile temp(builder.build());
  const auto file = *GgufFile::open(temp.path());
  file->advise_sequential();
  const TensorView tensor = file->tensor("big").value();
  EXPECT_EQ(tensor.data.back(), std::byte{9});
  file->release(tensor.data);
  EXPECT_EQ(tensor.data[30000], std::byte{9});
  const Bytes elsewhere(1 << 16, std::byte{3});
  file->release(elsewhere);
  EXPECT_EQ(elsewhere[40000], std::byte{3}) << "memory that is not the file's is left alone";
  EXPECT_TRUE(file->check_unchanged());
}

TEST(GgufOpen, NoticesThatTheFileChanged) {
  const Bytes bytes = sample().build();
  const TempFile temp(bytes);
  const auto file = *GgufFile::open(temp.path());
  std::filesystem::resize_file(temp.path(), bytes.size() + 1);
  ASSERT_FALSE(file->check_unchanged());
  EXPECT_THAT(file->check_unchanged().error().what, HasSubstr("changed"));
}

TEST(GgufOpen, SaysWhyAPathCannotBeRead) {
  const std::string directory = std::filesystem::temp_directory_path().string();
  const auto message = [](const std::string& path) {
    const auto file = GgufFile::open(path);
    return file ? std::string("no error") : file.error().message();
  };
  EXPECT_THAT(message(directory + "/no_such_model.gguf"), HasSubstr("no such file"));
  EXPECT_THAT(message(directory), HasSubstr("is a directory"));
  EXPECT_THAT(message("/dev/null"), HasSubstr("is not a regular file"));
  EXPECT_THAT(message(std::string("a\0b", 3)), HasSubstr("NUL"));
  const TempFile empty(Bytes{});
  EXPECT_THAT(message(empty.path()), HasSubstr("the file is empty"));
  if (geteuid() != 0) {
    const TempFile secret(sample().build());
    chmod(secret.path().c_str(), 0);
    EXPECT_THAT(message(secret.path()), HasSubstr("no permission"));
  }
}

}  // namespace
}  // namespace sluice::loader
