#include "adapter/systemd/units.hpp"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <tl/expected.hpp>

#include "adapter/process/run.hpp"

namespace haven::systemd {
namespace {

namespace fs = std::filesystem;
template <class T>
using OrWhy = tl::expected<T, std::string>;

constexpr const char* kLibvirtGuests = "libvirt-guests.service";
constexpr const char* kHavend = "havend.service";
constexpr const char* kHavenShutdown = "haven-shutdown.service";
constexpr const char* kNothing = "/usr/bin/true";
constexpr const char* kDropIn = "50-haven.conf";
constexpr const char* kDropInText =
    "# Haven stops and starts what it protects itself (havend(8)); `haven disarm` takes this away.\n"
    "[Service]\nExecStart=\nExecStart=/usr/bin/true\nExecStop=\nExecStop=/usr/bin/true\n";
// Units of one call, so that its answer stays within what is kept of it.
constexpr std::size_t kUnitsPerCall = 16;
// Far above what a host enables by hand; what lies beyond is not looked at.
constexpr std::size_t kMostUnits = 512;

struct Unit {
  std::string load_state, file_state, active_state;
  std::vector<std::string> triggers;
  std::vector<std::string> starts;  // command lines of ExecStart and those beside it
  std::vector<std::string> stops;
  [[nodiscard]] bool enabled() const { return file_state == "enabled" || file_state == "enabled-runtime"; }
};
using Units = std::map<std::string, Unit>;

std::vector<std::string> words_of(const std::string& text, const char* between) {
  std::vector<std::string> words;
  for (std::size_t at = text.find_first_not_of(between); at != std::string::npos;) {
    const std::size_t end = std::min(text.find_first_of(between, at), text.size());
    words.push_back(text.substr(at, end - at));
    at = text.find_first_not_of(between, end);
  }
  return words;
}

// "{ path=/usr/bin/virsh ; argv[]=/usr/bin/virsh start web1 ; ignore_errors=no ; ... }"
std::optional<std::string> command_line(const std::string& value) {
  const std::string begin = "argv[]=";
  const std::size_t at = value.find(begin);
  if (at == std::string::npos) return std::nullopt;
  const std::size_t end = value.find(" ; ignore_errors=", at);
  return value.substr(at + begin.size(), end == std::string::npos ? end : end - at - begin.size());
}

void take_property(Unit& unit, const std::string& key, const std::string& value) {
  if (key == "LoadState") unit.load_state = value;
  if (key == "UnitFileState") unit.file_state = value;
  if (key == "ActiveState") unit.active_state = value;
  if (key == "Triggers") unit.triggers = words_of(value, " ");
  const bool start = key == "ExecStart" || key == "ExecStartPre" || key == "ExecStartPost";
  if (!start && key != "ExecStop") return;
  if (const auto line = command_line(value)) (start ? unit.starts : unit.stops).push_back(*line);
}

// A block of KEY=VALUE lines per unit, with an empty line between them.
Units parse_show(const std::string& text) {
  Units units;
  Unit unit;
  std::string id;
  const auto close = [&] {
    if (!id.empty()) units[id] = unit;
    unit = {};
    id.clear();
  };
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    const std::size_t sign = line.find('=');
    if (line.empty()) close();
    if (sign == std::string::npos) continue;
    const std::string key = line.substr(0, sign);
    if (key == "Id") id = line.substr(sign + 1);
    take_property(unit, key, line.substr(sign + 1));
  }
  close();
  return units;
}

class Systemctl {
 public:
  explicit Systemctl(const Config& config) : config_(config) {}

  // The error is a clause.
  OrWhy<std::string> run(std::vector<std::string> words) const {
    words.insert(words.begin(), {config_.systemctl, "--no-pager", "--no-ask-password"});
    const adapter::Ran ran = adapter::run_program(words, "", config_.timeout);
    if (!ran.well()) return tl::unexpected("systemctl " + words[3] + ": " + ran.why());
    return ran.out;
  }
  OrWhy<Units> show_all(const std::vector<std::string>& names) const {
    Units units;
    for (std::size_t i = 0; i < names.size(); i += kUnitsPerCall) {
      std::vector<std::string> words{"show", "--property=Id,LoadState,UnitFileState,ActiveState,Triggers",
                                     "--property=ExecStart,ExecStartPre,ExecStartPost,ExecStop", "--"};
      words.insert(words.end(), names.begin() + static_cast<std::ptrdiff_t>(i),
                   names.begin() + static_cast<std::ptrdiff_t>(std::min(i + kUnitsPerCall, names.size())));
      const auto text = run(std::move(words));
      if (!text) return tl::unexpected(text.error());
      units.merge(parse_show(*text));
    }
    return units;
  }
  OrWhy<Unit> show(const std::string& name) const {
    const auto units = show_all({name});
    if (!units) return tl::unexpected(units.error());
    const auto it = units->find(name);
    // An alias answers under its own name; only one was asked for.
    if (it == units->end() && units->size() == 1) return units->begin()->second;
    if (it == units->end()) return tl::unexpected("systemctl show says nothing about " + name);
    return it->second;
  }

 private:
  const Config& config_;
};

bool is_harmless(const Unit& unit) {
  const auto is_nothing = [](const std::string& line) { return line == kNothing; };
  return std::all_of(unit.starts.begin(), unit.starts.end(), is_nothing) &&
         std::all_of(unit.stops.begin(), unit.stops.end(), is_nothing);
}

fs::path drop_in(const Config& config) { return fs::path(config.etc) / (std::string(kLibvirtGuests) + ".d") / kDropIn; }

OrWhy<void> write_drop_in(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) return tl::unexpected(path.string() + ": " + error.message());
  const std::string next = path.string() + ".new";  // systemd reads *.conf only
  {
    std::ofstream file(next);
    file << kDropInText << std::flush;
    if (!file) return tl::unexpected(next + ": " + std::strerror(errno));
  }
  using fs::perms;
  const auto readable = perms::owner_read | perms::owner_write | perms::group_read | perms::others_read;
  fs::permissions(next, readable, error);
  fs::permissions(path.parent_path(), readable | perms::owner_exec | perms::group_exec | perms::others_exec, error);
  fs::rename(next, path, error);
  if (error) return tl::unexpected(path.string() + ": " + error.message());
  return {};
}

// The unit is disabled and, read back, is not enabled any more.
OrWhy<void> disable(const Systemctl& systemctl, const std::string& name, const Unit& unit) {
  std::vector<std::string> words{"disable"};
  if (unit.file_state == "enabled-runtime") words.emplace_back("--runtime");
  words.insert(words.end(), {"--", name});
  if (const auto done = systemctl.run(std::move(words)); !done) return tl::unexpected(done.error());
  const auto after = systemctl.show(name);
  if (!after) return tl::unexpected(after.error());
  if (after->enabled()) return tl::unexpected(std::string("it is still enabled afterwards"));
  return {};
}

OrWhy<bool> take_libvirt_guests_off(const Config& config, const Systemctl& systemctl, const Rules& rules) {
  const auto unit = systemctl.show(std::string(kLibvirtGuests));
  if (!unit) return tl::unexpected(unit.error());
  const bool idle = !unit->enabled() && unit->active_state != "active";
  if (unit->load_state != "loaded" || idle || (is_harmless(*unit) && !unit->enabled())) return false;
  if (unit->enabled() && !rules.remember(kLibvirtGuests))
    return tl::unexpected(std::string("what it was cannot be remembered"));
  if (!is_harmless(*unit)) {
    if (auto written = write_drop_in(drop_in(config)); !written) return tl::unexpected(written.error());
    if (auto read = systemctl.run({"daemon-reload"}); !read) return tl::unexpected(read.error());
    const auto after = systemctl.show(std::string(kLibvirtGuests));
    if (!after) return tl::unexpected(after.error());
    if (!is_harmless(*after)) return tl::unexpected(std::string("its commands stand in spite of the drop-in"));
  }
  if (!unit->enabled()) return true;
  if (auto done = disable(systemctl, kLibvirtGuests, *unit); !done) return tl::unexpected(done.error());
  return true;
}

// What was enabled on this host by name: the links that `systemctl enable` makes.
std::vector<std::string> enabled_names(const Config& config) {
  std::set<std::string> names;
  std::error_code error;
  for (const auto& folder : fs::directory_iterator(config.etc, error)) {
    const auto kind = folder.path().extension();
    if (kind != ".wants" && kind != ".requires") continue;
    std::error_code unreadable;
    for (const auto& entry : fs::directory_iterator(folder.path(), unreadable)) {
      const auto suffix = entry.path().extension();
      const bool starts = suffix == ".service" || suffix == ".timer" || suffix == ".path";
      const bool unnamed = entry.path().stem().string().ends_with('@');  // a template, which cannot be asked for
      if (starts && !unnamed && entry.path().filename() != kLibvirtGuests && names.size() < kMostUnits)
        names.insert(entry.path().filename().string());
    }
  }
  return {names.begin(), names.end()};
}

bool is_virsh(const std::string& word) { return fs::path(word).filename() == "virsh"; }

// `virsh [options] start|create|restore WORD`, be it within a shell's -c.
bool starts_protected(const std::string& line, const Rules& rules) {
  const auto words = words_of(line, " \t\"';&|");
  auto at = std::find_if(words.begin(), words.end(), is_virsh);
  if (at == words.end()) return false;
  const auto is_verb = [](const std::string& word) { return word == "start" || word == "create" || word == "restore"; };
  at = std::find_if(at, words.end(), is_verb);
  return std::any_of(at, words.end(), rules.is_protected);
}

enum class Purpose { other, mixed, only_starts };
Purpose purpose_of(const Unit& unit, const Rules& rules) {
  const bool any = std::any_of(unit.starts.begin(), unit.starts.end(),
                               [&](const std::string& line) { return starts_protected(line, rules); });
  if (!any) return Purpose::other;
  // A shell, or whatever else runs virsh, may do anything beside it.
  const bool all = std::all_of(unit.starts.begin(), unit.starts.end(), [&](const std::string& line) {
    return is_virsh(line.substr(0, line.find(' '))) && starts_protected(line, rules);
  });
  return all ? Purpose::only_starts : Purpose::mixed;
}

std::string sentence(const std::string& unit, const std::string& why, const std::string& cure) {
  return unit + " would start or stop protected domains and is not off (" + why + "): " + cure;
}

// `by`: the enabled unit that makes it start, itself or a timer of it.
void turn_off(const Systemctl& systemctl, const Rules& rules, const std::string& by, const Unit& enabler,
              const std::string& name, const Unit& unit, TurnedOff& result) {
  switch (purpose_of(unit, rules)) {
    case Purpose::other:
      return;
    case Purpose::mixed:
      result.problems.push_back(
          sentence(name, "it does other things as well", "take its virsh line out, Haven starts them"));
      return;
    case Purpose::only_starts:
      break;
  }
  if (!rules.remember(by)) {
    result.problems.push_back(sentence(by, "what it was cannot be remembered", "systemctl disable " + by));
    return;
  }
  if (const auto done = disable(systemctl, by, enabler); !done) {
    result.problems.push_back(sentence(by, done.error(), "systemctl disable " + by));
  } else {
    result.units.push_back(by);
  }
}

OrWhy<void> take_starters_off(const Config& config, const Systemctl& systemctl, const Rules& rules, TurnedOff& result) {
  auto units = systemctl.show_all(enabled_names(config));
  if (!units) return tl::unexpected(units.error());
  std::set<std::string> triggered;
  for (const auto& [name, unit] : *units)
    for (const auto& other : unit.triggers)
      if (!units->contains(other) && triggered.size() < kMostUnits) triggered.insert(other);
  auto others = systemctl.show_all({triggered.begin(), triggered.end()});
  if (!others) return tl::unexpected(others.error());
  for (const auto& [name, unit] : *units) {
    if (!unit.enabled()) continue;
    turn_off(systemctl, rules, name, unit, name, unit, result);
    for (const auto& other : unit.triggers) {
      const auto known = others->find(other);
      if (known != others->end()) turn_off(systemctl, rules, name, unit, other, known->second, result);
    }
  }
  return {};
}

bool runs_here(const Config& config) {
  std::error_code error;
  return fs::is_directory(config.booted, error);
}

}  // namespace

TurnedOff turn_units_off(const Config& config, const Rules& rules) {
  TurnedOff result;
  if (!runs_here(config)) return result;
  const Systemctl systemctl(config);
  const auto guests = take_libvirt_guests_off(config, systemctl, rules);
  if (!guests) {
    result.problems.push_back(sentence(
        "libvirt-guests", guests.error(),
        "systemctl disable libvirt-guests, without --now, for that would shut the guests down; then ON_SHUTDOWN"));
  } else if (*guests) {
    result.units.emplace_back(kLibvirtGuests);
  }
  if (const auto done = take_starters_off(config, systemctl, rules, result); !done) {
    result.problems.push_back("whether an enabled unit would start protected domains cannot be told: " + done.error());
  }
  return result;
}

std::vector<std::string> turn_units_on(const Config& config, const std::vector<std::string>& units) {
  std::vector<std::string> problems;
  std::error_code error;
  const fs::path path = drop_in(config);
  const bool had = fs::remove(path, error);
  if (error) problems.push_back(path.string() + ": " + error.message());
  if (had) fs::remove(path.parent_path(), error);  // others' drop-ins keep it
  if (!runs_here(config)) return problems;
  const Systemctl systemctl(config);
  if (had) {
    if (const auto read = systemctl.run({"daemon-reload"}); !read) problems.push_back(read.error());
  }
  for (const auto& name : units) {
    if (name != kLibvirtGuests) {
      problems.push_back(name + " stays disabled: once what it starts runs on no other host, systemctl enable " + name);
      continue;
    }
    const auto done = systemctl.run({"enable", "--", name});
    if (!done) problems.push_back(name + " is not enabled again: " + done.error());
  }
  return problems;
}

OrWhy<void> stop_havend(const Config& config) {
  if (!runs_here(config)) return {};
  const Systemctl systemctl(config);
  const auto units = systemctl.show_all({kHavend, kHavenShutdown});
  if (!units) return tl::unexpected(units.error());
  for (const char* name : {kHavend, kHavenShutdown}) {
    const auto unit = units->find(name);
    if (unit == units->end() || unit->second.load_state != "loaded") continue;
    if (const auto off = systemctl.run({"disable", "--", name}); !off) return tl::unexpected(off.error());
    if (const auto stopped = systemctl.run({"stop", "--", name}); !stopped) return tl::unexpected(stopped.error());
    const auto after = systemctl.show(std::string(name));
    if (!after) return tl::unexpected(after.error());
    // Never on to the second while the first runs.
    if (after->active_state == "active" || after->active_state == "deactivating")
      return tl::unexpected(std::string(name) + " is " + after->active_state + " after its stop");
  }
  return {};
}

std::string restart_libvirt(const Config& config) {
  const std::string by_hand = "restart it by hand, its guests run on";
  if (!runs_here(config)) return "there is no systemd here; " + by_hand;
  const auto done =
      Systemctl(config).run({"try-restart", "--", "libvirtd.service", "virtqemud.service", "virtlxcd.service"});
  return done ? std::string() : done.error() + "; " + by_hand;
}

}  // namespace haven::systemd
