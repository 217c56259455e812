// Something to be done once. As std::function<void()>, but it moves only, and what it captures mostly lies within it:
// a simulated hour is made of tens of thousands of these.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace haven::sim {

class Task {
 public:
  Task() = default;
  template <class Deed>
  requires(!std::is_same_v<std::decay_t<Deed>, Task> && std::is_invocable_v<std::decay_t<Deed>&>)
      // A lambda is a task, and a task is none.
      Task(Deed&& deed) {  // NOLINT(google-explicit-constructor,bugprone-forwarding-reference-overload)
    using Stored = std::decay_t<Deed>;
    if constexpr (fits<Stored>) {
      ::new (place()) Stored(std::forward<Deed>(deed));
      kind_ = &kInside<Stored>;
    } else {
      ::new (place()) Stored*(new Stored(std::forward<Deed>(deed)));
      kind_ = &kOutside<Stored>;
    }
  }
  Task(Task&& other) noexcept { take(other); }
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      drop();
      take(other);
    }
    return *this;
  }
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  ~Task() { drop(); }

  void operator()() { kind_->run(place()); }
  [[nodiscard]] explicit operator bool() const { return kind_ != nullptr; }

 private:
  static constexpr std::size_t kRoom = 96;
  struct Kind {
    void (*run)(void*);
    void (*move)(void* from, void* to);
    void (*drop)(void*);
  };
  template <class Stored>
  static constexpr bool fits = sizeof(Stored) <= kRoom &&
                               alignof(Stored) <= alignof(void*) && std::is_nothrow_move_constructible_v<Stored>;
  template <class Stored>
  static constexpr Kind kInside{[](void* at) { (*static_cast<Stored*>(at))(); },
                                [](void* from, void* to) {
                                  ::new (to) Stored(std::move(*static_cast<Stored*>(from)));
                                  static_cast<Stored*>(from)->~Stored();
                                },
                                [](void* at) { static_cast<Stored*>(at)->~Stored(); }};
  template <class Stored>
  static constexpr Kind kOutside{[](void* at) { (**static_cast<Stored**>(at))(); },
                                 [](void* from, void* to) { ::new (to) Stored*(*static_cast<Stored**>(from)); },
                                 [](void* at) { delete *static_cast<Stored**>(at); }};

  void* place() { return room_; }
  void take(Task& other) {
    kind_ = std::exchange(other.kind_, nullptr);
    if (kind_ != nullptr) kind_->move(other.place(), place());
  }
  void drop() {
    if (kind_ != nullptr) std::exchange(kind_, nullptr)->drop(place());
  }

  const Kind* kind_ = nullptr;
  alignas(void*) std::byte room_[kRoom];
};

}  // namespace haven::sim
