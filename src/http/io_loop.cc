#include "http/io_loop.h"

#include <time.h>

#include <cstdio>
#include <exception>
#include <random>
#include <vector>

#include "base/log.h"
#include "http/session.h"

namespace sluice::http {
namespace {

// What a handler that ignores its client's going gets before the loop ends without it.
constexpr TimeNs kStopGraceNs = 5 * kNsPerSecond;

}  // namespace

IoLoop::IoLoop(int index, TimeNs tick_ns)
    : index_(index),
      wheel_(tick_ns, clock_.now_ns()),
      work_(boost::asio::make_work_guard(context_)),
      timer_(context_) {
  std::random_device device;
  for (uint64_t& word : random_state_) word = uint64_t{device()} << 32 | device();
  refresh_date();
  tick();
}

IoLoop::~IoLoop() {
  stop_by_ns_ = 0;  // the context must not be told to stop while it is torn down
  while (!sessions_.empty()) {
    Session* session = *sessions_.begin();
    sessions_.erase(sessions_.begin());
    session->abandon();
  }
}

void IoLoop::run() {
  while (!context_.stopped()) {
    try {
      context_.run();
    } catch (const std::exception& error) {
      // Handlers' exceptions end in their session; this is what others post here.
      log_error(std::string("io loop: ") + error.what());
    }
  }
}

void IoLoop::tick() {
  timer_.expires_after(std::chrono::nanoseconds(wheel_.tick_ns()));
  timer_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    const TimeNs now = now_ns();
    wheel_.advance(now);
    refresh_date();
    if (stop_by_ns_ > 0 && now >= stop_by_ns_) {
      context_.stop();
      return;
    }
    tick();
  });
}

void IoLoop::refresh_date() {
  const time_t second = ::time(nullptr);
  if (second == date_second_) return;
  date_second_ = second;
  tm parts{};
  gmtime_r(&second, &parts);
  constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%s, %02d %s %d %02d:%02d:%02d GMT", kDays[parts.tm_wday],
                parts.tm_mday, kMonths[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour,
                parts.tm_min, parts.tm_sec);
  date_ = buffer;
}

std::string IoLoop::make_request_id() {
  // Two SplitMix64 streams: unique is enough, ids are no secrets.
  constexpr char kDigits[] = "0123456789abcdef";
  std::string id;
  id.reserve(32);
  for (uint64_t& state : random_state_) {
    uint64_t z = state += 0x9E3779B97F4A7C15;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    z ^= z >> 31;
    for (int shift = 60; shift >= 0; shift -= 4) id.push_back(kDigits[z >> shift & 15]);
  }
  return id;
}

void IoLoop::add(Session* session) { sessions_.insert(session); }

void IoLoop::remove(Session* session) {
  sessions_.erase(session);
  if (stop_by_ns_ > 0 && sessions_.empty()) context_.stop();
}

void IoLoop::drain() {
  draining_ = true;
  // Copies: a session that is told to close may leave at once.
  const std::vector<Session*> sessions(sessions_.begin(), sessions_.end());
  for (Session* session : sessions) {
    if (sessions_.contains(session)) session->drain();
  }
}

void IoLoop::stop() {
  if (stop_by_ns_ > 0) return;
  draining_ = true;
  stop_by_ns_ = now_ns() + kStopGraceNs;
  const std::vector<Session*> sessions(sessions_.begin(), sessions_.end());
  for (Session* session : sessions) {
    if (sessions_.contains(session)) session->shut();
  }
  if (sessions_.empty()) context_.stop();
}

}  // namespace sluice::http
