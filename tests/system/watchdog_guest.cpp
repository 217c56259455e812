// A whole host for tests/system/watchdog_bites.py: the only program of a QEMU guest, with Haven's own watchdog adapter.
// It tells its story on the console; where the watchdog bites, the story breaks off, and QEMU sees the reset.
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "adapter/watchdog/device_watchdog.hpp"

namespace {

using namespace haven;
using adapter::watchdog::DeviceWatchdog;

constexpr Duration kBitesAfter = 2s;

Instant now() {
  timespec t{};
  ::clock_gettime(CLOCK_BOOTTIME, &t);
  return {std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec)};
}

void say(const std::string& text) {
  std::printf("@%lld %s\n", static_cast<long long>(now().since_boot / std::chrono::milliseconds(1)), text.c_str());
  std::fflush(stdout);
}

[[noreturn]] void power_off() {
  say("powers itself off");
  ::sync();
  ::reboot(RB_POWER_OFF);
  for (;;) ::pause();
}

void become_a_host() {
  for (const char* folder : {"/proc", "/sys", "/dev", "/etc", "/etc/systemd", "/etc/systemd/system"})
    ::mkdir(folder, 0755);
  ::mount("proc", "/proc", "proc", 0, nullptr);
  ::mount("sys", "/sys", "sysfs", 0, nullptr);
  ::mount("dev", "/dev", "devtmpfs", 0, nullptr);
  const int console = ::open("/dev/console", O_RDWR);
  for (int fd = 0; fd < 3; ++fd) ::dup2(console, fd);
  std::ifstream order("/modules/order");
  for (std::string name; order >> name;) {
    const int file = ::open(("/modules/" + name).c_str(), O_RDONLY | O_CLOEXEC);
    if (::syscall(SYS_finit_module, file, "", 0) != 0) say("cannot load " + name);
    ::close(file);
  }
}

void mask_sleep() {
  for (const char* unit : {"sleep", "suspend", "hibernate", "hybrid-sleep"})
    (void)::symlink("/dev/null", (std::string("/etc/systemd/system/") + unit + ".target").c_str());
}

// One watchdog with what it has told.
class Teller {
 public:
  explicit Teller(DeviceWatchdog::Options options = {})
      : dog_(std::move(options), [this](const port::WatchdogEvent& event) { hear(event); }) {}
  std::optional<std::string> arm(bool accept_soft) {
    dog_.arm(CallId{++calls_}, kBitesAfter, accept_soft, 5s);
    std::unique_lock lock(mutex_);
    came_.wait(lock, [&] { return answered_ == calls_; });
    return why_not_.empty() ? std::nullopt : std::optional(why_not_);
  }
  DeviceWatchdog& dog() { return dog_; }

 private:
  void hear(const port::WatchdogEvent& event) {
    const std::lock_guard lock(mutex_);
    if (const auto* armed = std::get_if<port::WatchdogArmed>(&event)) {
      answered_ = armed->call.count;
      why_not_ = armed->armed ? "" : armed->message;
    } else {
      say("broke: " + std::get<port::WatchdogBroke>(event).message);
    }
    came_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable came_;
  std::uint64_t calls_ = 0, answered_ = 0;
  std::string why_not_;
  DeviceWatchdog dog_;  // last: ends first
};

void live_for(Duration time) {
  const Instant end = now() + time;
  while (now() < end) {
    say("lives");
    ::usleep(200'000);
  }
}

bool asked(const std::string& word) {
  std::ifstream file("/proc/cmdline");
  for (std::string found; file >> found;)
    if (found == word) return true;
  return false;
}

// Which watchdogs run, as the kernel knows it.
void say_running() {
  for (const auto& dog : std::filesystem::directory_iterator("/sys/class/watchdog")) {
    std::string state, identity;
    std::ifstream(dog.path() / "state") >> state;
    std::ifstream identified(dog.path() / "identity");
    std::getline(identified, identity);
    if (state == "active") say("running: " + identity);
  }
}

void armed_or_off(Teller& teller) {
  if (const auto why = teller.arm(asked("accept_soft"))) {
    say("not armed: " + *why);
    power_off();
  }
  say("armed");
}

// Petted for as long as three of its times, then not any more.
void permit_ends() {
  Teller teller;
  armed_or_off(teller);
  say_running();
  const Instant until = now() + 3 * kBitesAfter;
  teller.dog().pet_until(until);
  live_for(3 * kBitesAfter);
  say("the permit is over");
  live_for(30s);
  power_off();
}

// Whoever pets is killed.
void petter_dies() {
  const pid_t child = ::fork();
  if (child == 0) {
    Teller teller;
    armed_or_off(teller);
    teller.dog().pet_until(now() + 1h);
    for (;;) ::pause();
  }
  live_for(2 * kBitesAfter);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  say("the petter is dead");
  live_for(30s);
  power_off();
}

void is_disarmed() {
  Teller teller;
  armed_or_off(teller);
  teller.dog().disarm();
  say("disarmed");
  say_running();
  live_for(4 * kBitesAfter);
  power_off();
}

// A descriptor that is kept elsewhere while one petter follows the other, as the service manager keeps it.
void is_handed_over() {
  int kept = -1;
  DeviceWatchdog::Options options;
  {
    options.keep = [&kept](int fd) { kept = ::dup(fd); };
    Teller first(options);
    armed_or_off(first);
  }
  say("the first has ended");
  options.inherited = kept;
  options.keep = [](int) {};
  Teller second(options);
  armed_or_off(second);
  second.dog().pet_until(now() + 1h);
  live_for(3 * kBitesAfter);
  say("handed over");
  second.dog().disarm();
  live_for(2 * kBitesAfter);
  power_off();
}

// The kernel stops with everything in it.
void kernel_hangs() {
  Teller teller;
  armed_or_off(teller);
  teller.dog().pet_until(now() + 1h);
  live_for(2 * kBitesAfter);
  std::ofstream("/proc/sys/kernel/panic") << 0 << std::flush;
  say("the kernel hangs");
  std::ofstream("/proc/sysrq-trigger") << 'c' << std::flush;
  say("it does not");
  power_off();
}

void is_refused() {
  Teller teller;
  say("awake: " + teller.arm(true).value_or("armed"));
  mask_sleep();
  say("soft: " + teller.arm(false).value_or("armed"));
  // By its old name, as wdmd and sbd do.
  const int other = ::open("/dev/watchdog", O_WRONLY | O_CLOEXEC);
  say("held: " + teller.arm(true).value_or("armed"));
  if (::write(other, "V", 1) != 1) say("it cannot be let go");
  ::close(other);
  say_running();
  live_for(2 * kBitesAfter);
  power_off();
}

}  // namespace

int main() {
  become_a_host();
  if (asked("story=refused")) is_refused();
  mask_sleep();
  if (asked("story=permit")) permit_ends();
  if (asked("story=petter")) petter_dies();
  if (asked("story=disarmed")) is_disarmed();
  if (asked("story=handed")) is_handed_over();
  if (asked("story=hung")) kernel_hangs();
  say("no such story");
  power_off();
}
