// The whole userspace of a lab guest: the kernel starts it as /init. It serves a page, writes a sequence to its disk
// and obeys the power button. One static program instead of a distribution: under emulation each process started
// costs a hundredth of a second, and the page is to answer at once.
#include <dirent.h>
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "lanes.hpp"
#include "link.hpp"
#include "page.hpp"

namespace {

constexpr long kPeriodMs = 150;      // of the sequence
constexpr int kAnnouncePeriods = 7;  // about once a second

std::string first_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// The value of lab.KEY=VALUE on the kernel's command line, or "".
std::string option(const std::string& key) {
  std::istringstream words(first_line("/proc/cmdline"));
  const std::string start = "lab." + key + "=";
  for (std::string word; words >> word;) {
    if (word.rfind(start, 0) == 0) return word.substr(start.size());
  }
  return "";
}

void mount_kernel_files() {
  mkdir("/proc", 0755);
  mkdir("/dev", 0755);
  mount("proc", "/proc", "proc", 0, nullptr);
  mount("dev", "/dev", "devtmpfs", 0, nullptr);
  const int console = open("/dev/console", O_RDWR);
  for (int fd = 0; fd < 3; ++fd) dup2(console, fd);
}

void load_modules() {
  std::ifstream order("/modules/order");
  for (std::string name; order >> name;) {
    const int fd = open(("/modules/" + name).c_str(), O_RDONLY | O_CLOEXEC);
    if (syscall(SYS_finit_module, fd, "", 0) != 0) std::printf("guest: %s: %s\n", name.c_str(), std::strerror(errno));
    close(fd);
  }
}

std::vector<pollfd> power_buttons() {
  std::vector<pollfd> buttons;
  DIR* folder = opendir("/dev/input");
  if (folder == nullptr) return buttons;
  while (const dirent* entry = readdir(folder)) {
    if (std::strncmp(entry->d_name, "event", 5) != 0) continue;
    const int fd = open((std::string("/dev/input/") + entry->d_name).c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0) buttons.push_back({fd, POLLIN, 0});
  }
  closedir(folder);
  return buttons;
}

bool pressed(int fd) {
  bool power = false;
  for (input_event event; read(fd, &event, sizeof event) == sizeof event;) {
    power = power || (event.type == EV_KEY && event.code == KEY_POWER && event.value == 1);
  }
  return power;
}

std::string page(const std::string& name, const std::string& boot_id, std::uint64_t sequence, bool disk) {
  std::ostringstream text;
  text << name << " boot " << boot_id << " sequence " << sequence << (disk ? "" : " disk-failed") << '\n';
  return text.str();
}

// "/busy/45": from now on it keeps its processor busy for 45 % of the time.
void take_work(std::string_view path, long& percent) {
  constexpr std::string_view kWork = "/busy/";
  if (path.substr(0, kWork.size()) != kWork) return;
  path.remove_prefix(kWork.size());
  long wanted = 0;
  if (std::from_chars(path.data(), path.data() + path.size(), wanted).ec == std::errc{} && wanted >= 0 && wanted < 100)
    percent = wanted;
}

long now_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

void work(long percent) {
  const long end = now_ms() + kPeriodMs * percent / 100;
  while (percent > 0 && now_ms() < end) {
  }
}

int ticker() {
  const int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
  const itimerspec every{{0, kPeriodMs * 1'000'000}, {0, 1}};
  timerfd_settime(fd, 0, &every, nullptr);
  return fd;
}

}  // namespace

int main() {
  mount_kernel_files();
  load_modules();
  const std::string name = option("name");
  const std::string address = option("ip");
  const std::string boot_id = first_line("/proc/sys/kernel/random/boot_id");
  lab::Announcer announcer;
  if (!lab::bring_up("eth0", address) || !announcer.open("eth0", address)) std::puts("guest: no network");
  lab::Sequence sequence;
  bool disk = sequence.open("/dev/vda", name, boot_id);
  std::printf("guest: %s up after %s s, disk %s\n", name.c_str(), first_line("/proc/uptime").c_str(),
              disk ? "writable" : "failed");
  std::fflush(stdout);
  std::vector<pollfd> waits = power_buttons();
  const std::size_t buttons = waits.size();
  waits.push_back({lab::listen_on(80), POLLIN, 0});
  waits.push_back({ticker(), POLLIN, 0});
  long percent = 0;  // of its time that it works
  for (std::uint64_t ticks = 0;;) {
    if (poll(waits.data(), waits.size(), -1) < 0) continue;
    for (std::size_t i = 0; i < buttons; ++i) {
      if (waits[i].revents != 0 && pressed(waits[i].fd)) reboot(RB_POWER_OFF);
    }
    if (waits[buttons].revents != 0) {
      lab::answer(waits[buttons].fd, page(name, boot_id, sequence.lane().sequence, disk),
                  [&](std::string_view path) { take_work(path, percent); });
    }
    std::uint64_t due = 0;
    if (waits[buttons + 1].revents != 0 && read(waits[buttons + 1].fd, &due, sizeof due) == sizeof due) {
      if (ticks++ % kAnnouncePeriods == 0) announcer.announce();
      disk = sequence.advance();
      work(percent);
    }
  }
}
