// A team of compute threads that work on one thing at a time, fork-join style.
//
// The owner's thread is worker 0; workers 1..n-1 spin briefly for the next job and then park, so an
// idle team costs nothing. run() is called by the owner only. Inside a job every worker may call
// barrier(), which all of them must reach the same number of times.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <type_traits>
#include <vector>

namespace sluice {

constexpr int kTeamSizeMax = 16;

class Team {
 public:
  // `size` workers, the caller's thread included; 1 <= size <= kTeamSizeMax.
  explicit Team(int size);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int size() const { return size_; }

  // Runs job(worker) on every worker and returns when all have finished.
  template <typename Job>
  void run(Job&& job) {
    using Plain = std::remove_reference_t<Job>;
    run_erased([](void* context, int worker) { (*static_cast<Plain*>(context))(worker); },
               const_cast<void*>(static_cast<const void*>(&job)));
  }

  // Waits until every worker of the running job is here. `sense` is the worker's own; it starts
  // false at each job and is flipped by each barrier.
  void barrier(bool& sense);

 private:
  using Erased = void (*)(void* context, int worker);
  void run_erased(Erased job, void* context);
  void worker_loop(int worker);

  const int size_;
  Erased job_ = nullptr;
  void* context_ = nullptr;
  alignas(64) std::atomic<uint32_t> generation_{0};
  alignas(64) std::atomic<int> unfinished_{0};
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<bool> sense_{false};
  std::atomic<bool> stopping_{false};
  std::vector<std::thread> threads_;
};

}  // namespace sluice
