// Gathers what a fence device answers, and lets a test wait for it: never longer than its patience.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <vector>

#include "port/fence_device.hpp"

namespace haven::test {

class Answers {
 public:
  port::FenceSink sink() {
    return [this](const port::AgentDone& done) {
      const std::lock_guard lock(mutex_);
      answers_[done.call].push_back(done);
      changed_.notify_all();
    };
  }
  // The first answer to this call; a failure of the test if there is none in time.
  port::AgentDone wait(CallId call, Duration patience = 10s) {
    std::unique_lock lock(mutex_);
    const bool come = changed_.wait_for(lock, patience, [&] { return !answers_[call].empty(); });
    if (come) return answers_[call].front();
    ADD_FAILURE() << "no answer to call " << call.count;
    return {};
  }
  std::size_t count(CallId call) {
    const std::lock_guard lock(mutex_);
    return answers_[call].size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<CallId, std::vector<port::AgentDone>> answers_;
};

class Stopwatch {
 public:
  [[nodiscard]] Duration passed() const { return std::chrono::steady_clock::now() - start_; }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace haven::test
