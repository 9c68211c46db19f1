// One io_context, its thread's state and the sessions pinned to it. Everything but `connections`
// belongs to the loop's thread once the server has started.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <string>
#include <unordered_set>

#include "http/deadline_wheel.h"

namespace sluice::http {

class Session;

class IoLoop {
 public:
  IoLoop(int index, TimeNs tick_ns);
  ~IoLoop();

  int index() const { return index_; }
  boost::asio::io_context& context() { return context_; }
  DeadlineWheel& wheel() { return wheel_; }
  TimeNs now_ns() const { return clock_.now_ns(); }
  const std::string& date() const { return date_; }  // IMF-fixdate, at most a tick old
  std::string make_request_id();                     // 32 hex digits
  bool draining() const { return draining_; }

  void run();    // the thread's body
  void drain();  // on the loop: idle sessions close, the others after their answer
  void stop();   // on the loop: every session closes, then the loop ends
  void add(Session* session);
  void remove(Session* session);

  // Sessions dealt to this loop and not yet gone. Any thread.
  std::atomic<size_t> connections = 0;

 private:
  void tick();
  void refresh_date();

  const int index_;
  SteadyClock clock_;
  DeadlineWheel wheel_;
  std::string date_;
  int64_t date_second_ = -1;
  uint64_t random_state_[2];
  bool draining_ = false;
  TimeNs stop_by_ns_ = 0;  // 0: not stopping
  std::unordered_set<Session*> sessions_;
  // Last, so that what its pending handlers own dies before what it uses.
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  boost::asio::steady_timer timer_;
};

}  // namespace sluice::http
