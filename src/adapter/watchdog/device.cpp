#include "adapter/watchdog/device.hpp"

#include <linux/watchdog.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>
#include <vector>

#include "core/model/ids.hpp"

namespace haven::adapter::watchdog {
namespace {

namespace fs = std::filesystem;

constexpr char kPet = '1';
constexpr char kMagicClose = 'V';

std::string first_line(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

// What vanishes meanwhile, as processes do, ends the list early.
std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    entries.push_back(it->path());
  return entries;
}

// watchdog0, watchdog1…; where the kernel numbers none, the old name for the only one.
std::vector<std::string> names_in(const std::string& dev) {
  std::vector<std::string> names;
  for (const auto& entry : entries_of(dev)) {
    const std::string name = entry.filename().string();
    if (name.starts_with("watchdog") && name.size() > 8) names.push_back(name);
  }
  std::sort(names.begin(), names.end(),
            [](const auto& a, const auto& b) { return natural_order(a, b) == std::strong_ordering::less; });
  std::error_code error;
  if (names.empty() && fs::exists(dev + "/watchdog", error)) names.emplace_back("watchdog");
  return names;
}

std::string identity_of(int fd, std::uint32_t* options, Kernel& kernel) {
  watchdog_info info{};
  if (kernel.ioctl(fd, WDIOC_GETSUPPORT, &info) != 0) return "";
  *options = info.options;
  const auto* text = reinterpret_cast<const char*>(info.identity);
  return {text, ::strnlen(text, sizeof info.identity)};
}

std::string refusal(const std::string& identity, std::uint32_t options, bool accept_soft) {
  if (is_soft(identity) && !accept_soft)
    return "it dies with the kernel (" + identity + "); watchdog_accept_soft = true would take it";
  if ((options & WDIOF_SETTIMEOUT) == 0) return "its time cannot be set (" + identity + ")";
  if ((options & WDIOF_MAGICCLOSE) == 0) return "it cannot be disarmed (" + identity + ")";
  return "";
}

}  // namespace

bool is_soft(const std::string& identity) {
  std::string lower = identity;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower.find("soft") != std::string::npos;
}

std::string holder_of(const std::string& device, const Places& places) {
  for (const auto& process : entries_of(places.proc)) {
    const std::string pid = process.filename().string();
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    for (const auto& fd : entries_of(process / "fd")) {
      std::error_code error;
      const std::string open = fs::read_symlink(fd, error).string();
      // The old name and the first number are one device.
      const bool same = open == device || (open == "/dev/watchdog" && device.ends_with("/watchdog0"));
      if (!same) continue;
      const std::string name = first_line(process / "comm");
      const std::string who = name + " (pid " + pid + ")";
      return pid == "1" ? who + ": set RuntimeWatchdogSec=0 in system.conf" : who;
    }
  }
  return "";
}

std::string sleep_trouble(const Places& places) {
  if (first_line(places.sys + "/../../power/state").empty()) return "";  // it cannot sleep at all
  std::string open;
  for (const char* unit : {"sleep.target", "suspend.target", "hibernate.target", "hybrid-sleep.target"}) {
    std::error_code error;
    if (fs::read_symlink(places.etc + "/systemd/system/" + unit, error) != "/dev/null")
      open += std::string(open.empty() ? "" : " ") + unit;
  }
  return open.empty() ? "" : "this host may be put to sleep: systemctl mask " + open;
}

tl::expected<Device, std::string> Device::find(const Places& places, bool accept_soft, Kernel& kernel) {
  std::string against;
  const auto object = [&](const std::string& device, const std::string& why) {
    against += (against.empty() ? "" : "; ") + device + ": " + why;
  };
  for (const std::string& name : names_in(places.dev)) {
    const std::string device = places.dev + "/" + name;
    // Opening starts it: what can be known before is asked before.
    const std::string told = first_line(places.sys + "/" + name + "/identity");
    if (is_soft(told) && !accept_soft) {
      object(device, refusal(told, WDIOF_SETTIMEOUT | WDIOF_MAGICCLOSE, false));
      continue;
    }
    if (first_line(places.sys + "/" + name + "/nowayout") == "1") {
      object(device, "it cannot be disarmed (nowayout)");
      continue;
    }
    const int fd = kernel.open(device);
    if (fd < 0) {
      const int fault = errno;
      const std::string who = fault == EBUSY ? holder_of(device, places) : "";
      object(device, who.empty() ? std::strerror(fault) : "held by " + who);
      continue;
    }
    std::uint32_t options = 0;
    Device found(fd, identity_of(fd, &options, kernel), kernel);
    const std::string why = refusal(found.identity(), options, accept_soft);
    if (why.empty()) return found;
    found.disarm();
    object(device, why);
  }
  return tl::unexpected(against.empty() ? "this host has no watchdog (" + places.dev + "/watchdog*)" : against);
}

Device Device::inherited(int fd, Kernel& kernel) {
  std::uint32_t options = 0;
  std::string identity = identity_of(fd, &options, kernel);
  return Device(fd, std::move(identity), kernel);
}

Device::Device(Device&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), identity_(std::move(other.identity_)), kernel_(other.kernel_) {}

Device& Device::operator=(Device&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(identity_, other.identity_);
  std::swap(kernel_, other.kernel_);
  return *this;
}

Device::~Device() {
  if (fd_ >= 0) kernel_->close(fd_);
}

tl::expected<void, std::string> Device::set_time(Duration bites_after) {
  const int wanted = static_cast<int>(std::chrono::floor<std::chrono::seconds>(bites_after).count());
  int set = wanted;
  // The kernel answers with what it made of it.
  if (kernel_->ioctl(fd_, WDIOC_SETTIMEOUT, &set) != 0 || set > wanted || set < 1) {
    disarm();
    return tl::unexpected(identity_ + " cannot be set to bite within " + std::to_string(wanted) + " s");
  }
  return pet();
}

tl::expected<void, std::string> Device::pet() {
  if (kernel_->write(fd_, kPet)) return {};
  return tl::unexpected(identity_ + " takes no pet: " + std::strerror(errno));
}

bool Device::disarm() {
  const bool said = kernel_->write(fd_, kMagicClose);
  kernel_->close(std::exchange(fd_, -1));
  return said;
}

}  // namespace haven::adapter::watchdog
