#include "telemetry/telemetry.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

namespace sluice::telemetry {
namespace {

using testing::HasSubstr;
using testing::Not;

class Pipe {
 public:
  Pipe() { EXPECT_EQ(::pipe2(ends_, O_CLOEXEC), 0); }
  ~Pipe() {
    ::close(ends_[0]);
    close_write();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  int write_end() const { return ends_[1]; }
  void close_write() {
    if (ends_[1] >= 0) ::close(std::exchange(ends_[1], -1));
  }
  std::string read_some() {
    char bytes[65536];
    const ssize_t count = ::read(ends_[0], bytes, sizeof bytes);
    return {bytes, static_cast<size_t>(std::max<ssize_t>(count, 0))};
  }
  std::string read_all() {
    std::string out;
    for (std::string more = read_some(); !more.empty(); more = read_some()) out += more;
    return out;
  }

 private:
  int ends_[2] = {-1, -1};
};

AccessRecord record() {
  AccessRecord made;
  made.id = "abc";
  made.method = "POST";
  made.route = "/generate";
  made.address = "127.0.0.1";
  made.status = 200;
  made.total_ns = 1'234'567'890;
  return made;
}

TEST(MetricsPage, HistogramsAreCumulativeAndEndAtInfinity) {
  MetricsPage page("p_");
  const double bounds[] = {0.1, 1};
  const uint64_t counts[] = {2, 3, 4};
  page.histogram("h", "Help.", bounds, counts, 7.5);
  const std::string text = page.render();
  EXPECT_THAT(text, HasSubstr("# TYPE p_h histogram\n"));
  EXPECT_THAT(text, HasSubstr("p_h_count 9\n"));
  EXPECT_THAT(text, HasSubstr("p_h_sum 7.5\n"));
  EXPECT_THAT(text, HasSubstr("p_h_bucket{le=\"0.1\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("p_h_bucket{le=\"1\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("p_h_bucket{le=\"+Inf\"} 9\n"));
}

TEST(MetricsPage, LabelsOfOneNameMakeOneFamilyUnderThePrefix) {
  MetricsPage page("vllm:");
  page.counter("c", "Help.", 1, {{"reason", "a\"b"}});
  page.counter("c", "Help.", 2, {{"reason", "c"}});
  const std::string text = page.render();
  EXPECT_EQ(text.find("# TYPE vllm:c counter"), text.rfind("# TYPE vllm:c counter"));
  EXPECT_THAT(text, HasSubstr("vllm:c{reason=\"a\\\"b\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("vllm:c{reason=\"c\"} 2\n"));
}

TEST(HttpMetrics, CountResponsesByStatusExceptTheirOwn) {
  HttpMetrics metrics;
  metrics.observe("/generate", 200, 0.05);
  metrics.observe("/generate", 503, 0.1);
  metrics.observe("/generate", 503, 11);
  metrics.observe("/metrics", 200, 0.01);
  MetricsPage page("");
  metrics.write(page);
  const std::string text = page.render();
  EXPECT_THAT(text, HasSubstr("requests_total{status=\"200\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("requests_total{status=\"503\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("request_latency_seconds_bucket{le=\"0.1\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("request_latency_seconds_bucket{le=\"10\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("request_latency_seconds_count 3\n"));
}

TEST(ProcessMetrics, ShowALivingProcess) {
  MetricsPage page("");
  write_process_metrics(page);
  const std::string text = page.render();
  for (const char* name :
       {"process_resident_memory_bytes ", "process_open_fds ", "process_start_time_seconds "}) {
    const size_t at = text.find(std::string("\n") + name);
    ASSERT_NE(at, std::string::npos) << name;
    EXPECT_GT(std::stod(text.substr(at + 1 + std::string_view(name).size())), 0) << name;
  }
}

TEST(AccessLog, JsonLinesLeaveOutWhatIsUnknown) {
  AccessRecord made = record();
  std::string line = access_line_json(made, 0);
  EXPECT_EQ(line,
            "{\"time\":\"1970-01-01T00:00:00.000Z\",\"id\":\"abc\",\"method\":\"POST\","
            "\"route\":\"/generate\",\"status\":200,\"total_ms\":1234.567,\"bytes\":0,"
            "\"address\":\"127.0.0.1\"}\n");
  made.note.prompt_tokens = 5;
  made.note.first_token_ns = 2'000'000;
  made.note.error = "bad\nthing";
  line = access_line_json(made, 0);
  EXPECT_THAT(line, HasSubstr("\"prompt_tokens\":5"));
  EXPECT_THAT(line, HasSubstr("\"ttft_ms\":2"));
  EXPECT_EQ(std::ranges::count(line, '\n'), 1);
}

TEST(AccessLog, TextLinesCannotMoveTheTerminal) {
  AccessRecord made = record();
  made.note.error = "\x1b[2Jgone\nx";
  const std::string line = access_line_text(made, 0);
  EXPECT_THAT(line, Not(HasSubstr("\x1b")));
  EXPECT_EQ(std::ranges::count(line, '\n'), 1);
}

TEST(AccessLog, WritesEveryQueuedLineBeforeItEnds) {
  Pipe pipe;
  {
    AccessLog log(pipe.write_end(), false);
    for (int i = 0; i < 100; ++i) log.write(record());
  }
  pipe.close_write();
  const std::string text = pipe.read_all();
  EXPECT_EQ(std::ranges::count(text, '\n'), 100);
}

TEST(AccessLog, DropsAndCountsWhenNobodyReads) {
  Pipe pipe;
  ASSERT_GT(::fcntl(pipe.write_end(), F_SETPIPE_SZ, 4096), 0);
  constexpr uint64_t kLines = 2000;
  uint64_t dropped = 0;
  std::string text;
  {
    AccessLog log(pipe.write_end(), false, 4);
    for (uint64_t i = 0; i < kLines; ++i) log.write(record());
    dropped = log.dropped();
    EXPECT_GT(dropped, 0U);
    while (static_cast<uint64_t>(std::ranges::count(text, '\n')) < kLines - dropped) {
      text += pipe.read_some();
    }
  }
  pipe.close_write();
  text += pipe.read_all();
  EXPECT_EQ(static_cast<uint64_t>(std::ranges::count(text, '\n')), kLines - dropped);
}

TEST(AccessLog, EndsThoughNobodyReads) {
  Pipe pipe;
  ASSERT_GT(::fcntl(pipe.write_end(), F_SETPIPE_SZ, 4096), 0);
  AccessLog log(pipe.write_end(), false);
  for (int i = 0; i < 1000; ++i) log.write(record());
  // Its end is the assertion: a write that blocks would hang here.
}

TEST(Telemetry, JoinsTheHandlersNoteWithTheResponse) {
  Pipe pipe;
  {
    Telemetry telemetry({"sluice_", "1", true, pipe.write_end()});
    http::Request request;
    request.route = "/generate";
    request.received_ns = kNsPerSecond;
    RequestNote note;
    note.model = "qwen";
    telemetry.note(request, note);
    telemetry.on_response(request, 200, 2 * kNsPerSecond, 3 * kNsPerSecond, 10, false);
    telemetry.on_response(request, 200, 2 * kNsPerSecond, 3 * kNsPerSecond, 10, true);
    EXPECT_THAT(telemetry.finish(telemetry.new_page()),
                HasSubstr("request_latency_seconds_sum 2\n"));
  }
  pipe.close_write();
  const std::string text = pipe.read_all();
  EXPECT_THAT(text, HasSubstr("\"model\":\"qwen\""));
  EXPECT_EQ(text.find("qwen"), text.rfind("qwen"));
  EXPECT_THAT(text, HasSubstr("\"total_ms\":2000"));
}

}  // namespace
}  // namespace sluice::telemetry
