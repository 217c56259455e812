// The kernel's watchdogs as its documentation describes them, but that nobody is reset.
#pragma once

#include <linux/watchdog.h>
#include <stdlib.h>
#include <time.h>

#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <string>

#include "adapter/watchdog/device.hpp"
#include "core/model/units.hpp"

namespace haven::test {

inline Instant boot_time() {
  timespec t{};
  ::clock_gettime(CLOCK_BOOTTIME, &t);
  return {std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec)};
}

class FakeKernel final : public adapter::watchdog::Kernel {
 public:
  struct Dog {
    std::string identity = "i6300ESB timer";
    std::uint32_t options = WDIOF_SETTIMEOUT | WDIOF_MAGICCLOSE | WDIOF_KEEPALIVEPING;
    int shortest = 1;  // seconds; less is rounded up to it
    bool fails = false;
    bool open = false;
    bool running = false;
    bool magic = false;
    int time = 60;
    int pets = 0;
    Instant petted;
  };

  int open(const std::string& path) override {
    const std::lock_guard lock(mutex_);
    const auto dog = dogs.find(path);
    errno = dog == dogs.end() ? ENOENT : EBUSY;
    if (dog == dogs.end() || dog->second.open) return -1;
    dog->second.open = dog->second.running = true;
    pet(dog->second);
    fds_[++last_fd_] = path;
    return last_fd_;
  }
  int ioctl(int fd, unsigned long request, void* argument) override {
    const std::lock_guard lock(mutex_);
    Dog& dog = dogs.at(fds_.at(fd));
    if (request == WDIOC_GETSUPPORT) {
      auto* info = static_cast<watchdog_info*>(argument);
      info->options = dog.options;
      std::strncpy(reinterpret_cast<char*>(info->identity), dog.identity.c_str(), sizeof info->identity - 1);
      return 0;
    }
    if (request == WDIOC_SETTIMEOUT) {
      auto* seconds = static_cast<int*>(argument);
      *seconds = dog.time = std::max(*seconds, dog.shortest);
      return 0;
    }
    errno = ENOTTY;
    return -1;
  }
  bool write(int fd, char byte) override {
    const std::lock_guard lock(mutex_);
    Dog& dog = dogs.at(fds_.at(fd));
    errno = EIO;
    if (dog.fails) return false;
    dog.magic = byte == 'V';
    pet(dog);
    return true;
  }
  void close(int fd) override {
    const std::lock_guard lock(mutex_);
    const auto path = fds_.extract(fd);
    if (!path) return;
    Dog& dog = dogs.at(path.mapped());
    dog.open = false;
    if (dog.magic) dog.running = false;
    changed_.notify_all();
  }

  // Looks at a dog until `enough` holds; false: not within 20 s.
  template <class Enough>
  bool wait(const std::string& path, Enough enough) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return enough(dogs.at(path)); });
  }
  // Waits until it would have bitten; gives its last pet.
  Instant bite(const std::string& path) {
    std::unique_lock lock(mutex_);
    const Dog& dog = dogs.at(path);
    while (true) {
      const Duration left = dog.petted + std::chrono::seconds(dog.time) - boot_time();
      if (left <= Duration::zero()) return dog.petted;
      changed_.wait_for(lock, left);
    }
  }
  Dog look(const std::string& path) {
    const std::lock_guard lock(mutex_);
    return dogs.at(path);
  }
  void let_fail(const std::string& path) {
    const std::lock_guard lock(mutex_);
    dogs.at(path).fails = true;
  }
  std::map<std::string, Dog> dogs;  // by path; set up before anybody asks

 private:
  void pet(Dog& dog) {
    ++dog.pets;
    dog.petted = boot_time();
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<int, std::string> fds_;
  int last_fd_ = 1000;
};

// The folders in which the kernel shows its watchdogs.
class FakePlaces {
 public:
  FakePlaces() {
    std::string pattern = (std::filesystem::temp_directory_path() / "haven-watchdog-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    root = pattern;
    places = {root + "/dev", root + "/sys/class/watchdog", root + "/proc", root + "/etc"};
    for (const auto& folder : {places.dev, places.sys, places.proc, places.etc}) make(folder);
  }
  ~FakePlaces() {
    std::error_code error;
    std::filesystem::remove_all(root, error);
  }
  FakePlaces(const FakePlaces&) = delete;
  FakePlaces& operator=(const FakePlaces&) = delete;

  static void make(const std::string& folder) { std::filesystem::create_directories(folder); }
  static void write(const std::string& file, const std::string& text) {
    make(std::filesystem::path(file).parent_path());
    std::ofstream(file) << text;
  }
  // The device and what sysfs says of it; its path.
  [[nodiscard]] std::string device(const std::string& name, const std::string& identity, bool nowayout = false) const {
    write(places.dev + "/" + name, "");
    write(places.sys + "/" + name + "/identity", identity + "\n");
    write(places.sys + "/" + name + "/nowayout", nowayout ? "1\n" : "0\n");
    return places.dev + "/" + name;
  }
  void held_by(const std::string& device, const std::string& pid, const std::string& name) const {
    write(places.proc + "/" + pid + "/comm", name + "\n");
    make(places.proc + "/" + pid + "/fd");
    std::filesystem::create_symlink(device, places.proc + "/" + pid + "/fd/7");
  }

  std::string root;
  adapter::watchdog::Places places;
};

}  // namespace haven::test
