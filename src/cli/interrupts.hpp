// Ctrl-C, a termination and a lost terminal, counted instead of deadly while one of these lives. One at a time.
#pragma once

#include <chrono>

#include "adapter/descriptor.hpp"

namespace haven::cli {

class Interrupts {
 public:
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  [[nodiscard]] int count() const;
  // Readable while one has come that wait() or take() has not taken.
  [[nodiscard]] int fd() const;
  void take() const;
  // Until the next one, or until the time is over.
  void wait(std::chrono::milliseconds time) const;

 private:
  adapter::Descriptor reading_, writing_;
};

}  // namespace haven::cli
