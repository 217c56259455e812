// status and journal.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <ctime>
#include <iostream>
#include <thread>

#include "cli/answer.hpp"
#include "cli/commands.hpp"
#include "cli/moving.hpp"
#include "core/model/wording.hpp"

namespace haven::cli {
namespace {

std::string plural(std::size_t n, const std::string& one) {
  return std::to_string(n) + " " + one + (n == 1 ? "" : "s");
}

// What is as it should be comes last, and is what is left out first.
bool host_is_well(const Json& host) { return text(host, "state") == "up" && text(host, "why").empty(); }
bool resource_is_well(const Json& resource) {
  const std::string state = text(resource, "state");
  return (state == "running" || state == "stopped" || state == "ignored") && text(resource, "why").empty();
}
Paint paint_of(const std::string& state, bool well) {
  if (state == "dead" || state == "failed" || state == "unreadable" || state == "fencing" || state == "suspected") {
    return Paint::red;
  }
  return well ? Paint::plain : Paint::yellow;
}

// Rows of one table, those that need attention first, at most `room` lines with the last one for what is left out.
template <class Row, class Well>
void table(const Json& items, std::size_t room, const std::string& noun, Row row, Well well) {
  std::vector<const Json*> order;
  for (const Json& item : items) order.push_back(&item);
  const bool all = order.size() <= room;
  if (!all) std::stable_partition(order.begin(), order.end(), [&](const Json* item) { return !well(*item); });
  const std::size_t shown = all ? order.size() : room - 1;
  for (std::size_t i = 0; i < shown; ++i) row(*order[i]);
  if (!all) std::cout << "  … and " << plural(order.size() - shown, noun) << " more (haven status --all)\n";
}

void headline(const Terminal& terminal, const Json& status) {
  const std::string cluster = text(status, "cluster");
  std::size_t running = 0;
  for (const Json& r : list(status, "resources")) running += text(r, "state") == "running" ? 1 : 0;
  const bool engine = is_true(status, "engine");
  std::string line = !cluster.empty() ? "cluster " + cluster
                     : engine         ? "no cluster file was applied yet"
                                      : "nothing is known of the cluster yet";
  if (!cluster.empty()) {
    line += ": " + std::to_string(running) + " of " + plural(list(status, "resources").size(), "resource") +
            " running, " + "controller " + (text(status, "controller").empty() ? "none" : text(status, "controller"));
  }
  if (is_true(status, "frozen")) line += ", FROZEN";
  if (status.contains("frozen_names") && !status["frozen_names"].empty()) {
    std::string names;
    for (const auto& [name, by] : status["frozen_names"].items()) names += (names.empty() ? "" : ", ") + name;
    line += ", FROZEN: " + names;
  }
  std::cout << cut_to(line, static_cast<std::size_t>(terminal.columns)) << "\n";
}

std::string time_of(std::int64_t unix_ms) {
  const std::time_t seconds = unix_ms / 1000;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
  std::string millis = std::to_string(unix_ms % 1000);
  return std::string(text) + "." + std::string(3 - std::min<std::size_t>(millis.size(), 3), '0') + millis + "Z";
}

// Of thousandths: "2.7 CPUs".
std::string cpu_words(std::int64_t thousandths) { return tenths(thousandths) + " CPUs"; }

// When the fence devices were last tried, or what is wrong with them; "-" where there are none.
std::string fence_word(const Json& host) {
  const Json& levels = list(host, "fence");
  if (levels.empty()) return "-";
  std::string oldest;
  for (const Json& level : levels) {
    if (!text(level, "problem").empty()) return "failing";
    if (!level.contains("tested_at_ms") || level["tested_at_ms"].is_null()) return "never";
    const std::string date = time_of(number(level, "tested_at_ms")).substr(0, 10);
    if (oldest.empty() || date < oldest) oldest = date;
  }
  return oldest;
}

// What the balancer recommends; how many lines it took.
std::size_t print_advice(const Json& status, const Terminal& terminal, bool all) {
  const auto balance = status.find("balance");
  if (balance == status.end() || !balance->is_object()) return 0;
  std::vector<std::string> lines;
  for (const Json& move : list(*balance, "moves"))
    lines.push_back("~ haven migrate " + text(move, "resource") + " " + text(move, "to") + ": " + text(move, "why"));
  for (const Json& remark : list(*balance, "remarks"))
    if (all && remark.is_string()) lines.push_back("~ " + remark.get<std::string>());
  for (const std::string& line : lines) {
    const auto columns = static_cast<std::size_t>(terminal.columns);
    std::cout << painted(terminal, Paint::yellow, all ? line : cut_to(line, columns)) << "\n";
  }
  return lines.size();
}

void print_status(const Json& status, const Terminal& terminal, bool all) {
  const auto columns = static_cast<std::size_t>(terminal.columns);
  const Json& alarms = list(status, "alarms");
  const std::size_t kEverything = 1'000'000;
  // The prompt, the headline and the two tables' heads are not to be had.
  const std::size_t room = all ? kEverything : static_cast<std::size_t>(std::max(terminal.lines - 4, 9));
  const std::size_t for_alarms = all ? kEverything : room / 3;
  std::size_t used = 0;
  if (!is_true(status, "engine")) {
    std::cout << painted(terminal, Paint::red, "! the engine is out of reach: what follows may be old") << "\n";
    ++used;
  }
  for (const Json& alarm : alarms) {
    if (used + 1 >= for_alarms && alarms.size() > used + 1) {
      std::cout << painted(terminal, Paint::red,
                           "! and " + plural(alarms.size() - used, "alarm") + " more (haven status --all)")
                << "\n";
      ++used;
      break;
    }
    const std::string line = "! " + text(alarm, "text");
    std::cout << painted(terminal, Paint::red, all ? line : cut_to(line, columns)) << "\n";
    ++used;
  }
  headline(terminal, status);
  used += print_advice(status, terminal, all);

  const Json& hosts = list(status, "hosts");
  const Json& resources = list(status, "resources");
  const std::size_t left = room - std::min(used, room);
  const std::size_t for_hosts = all ? kEverything : std::max<std::size_t>(left / 3, 3);
  if (!hosts.empty()) {
    std::cout << painted(terminal, Paint::bold, "HOST             STATE      RUNNING MEMORY MiB      FENCE TESTED")
              << "\n";
  }
  table(
      hosts, for_hosts, "host",
      [&](const Json& host) {
        const std::string memory =
            std::to_string(number(host, "memory_used_mib")) + "/" + std::to_string(number(host, "memory_mib"));
        const std::string state = text(host, "state") + (is_true(host, "controller") ? " *" : "");
        const std::string row =
            padded(text(host, "name"), 16) + " " +
            painted(terminal, paint_of(text(host, "state"), host_is_well(host)), padded(state, 10)) + " " +
            padded(std::to_string(number(host, "running")), 7) + " " + padded(memory, 15) + " " +
            padded(fence_word(host), 12);
        std::cout << row << " " << (all ? text(host, "why") : cut_to(text(host, "why"), columns - 65)) << "\n";
      },
      host_is_well);
  if (!resources.empty()) {
    std::cout << painted(terminal, Paint::bold, "RESOURCE         STATE      HOST     PRIORITY") << "\n";
  }
  const std::size_t hosts_used = std::min<std::size_t>(hosts.size(), for_hosts);
  const std::size_t for_resources = all ? kEverything : std::max<std::size_t>(left - std::min(left, hosts_used), 3);
  table(
      resources, for_resources, "resource",
      [&](const Json& resource) {
        const std::string row = padded(text(resource, "name"), 16) + " " +
                                painted(terminal, paint_of(text(resource, "state"), resource_is_well(resource)),
                                        padded(text(resource, "state"), 10)) +
                                " " + padded(text(resource, "host").empty() ? "-" : text(resource, "host"), 8) + " " +
                                padded(std::to_string(number(resource, "priority")), 8);
        const std::string moving = moving_words(resource);
        const std::string why = moving.empty() ? text(resource, "why") : moving;
        std::string remark = is_true(resource, "unprotected") ? "unprotected" : "";
        if (const auto held = number(resource, "held_to_thousandths"); held > 0)
          remark += (remark.empty() ? "" : "; ") + ("held to " + cpu_words(held) + ", for it starves others");
        if (!why.empty()) remark += remark.empty() ? why : "; " + why;
        std::cout << row << " " << (all ? remark : cut_to(remark, columns - 46)) << "\n";
      },
      resource_is_well);
}

std::string entry_line(const Json& entry) {
  std::string line =
      time_of(number(entry, "at_ms")) + " " + padded(text(entry, "by"), 6) + " " + padded(text(entry, "kind"), 12);
  if (const auto resource = text(entry, "resource"); !resource.empty()) line += " " + resource;
  if (const auto from = text(entry, "from"); !from.empty()) line += " from " + from;
  if (const auto host = text(entry, "host"); !host.empty()) {
    line += (text(entry, "resource").empty() ? " " : text(entry, "from").empty() ? " on " : " to ") + host;
  }
  if (const auto level = text(entry, "level"); text(entry, "kind") == "fenced" && !level.empty())
    line += " (level " + level + ")";
  if (const auto why = text(entry, "why"); !why.empty()) line += ": " + why;
  for (const Json& reason : list(entry, "reasons")) line += "; " + text(reason, "host") + ": " + text(reason, "reason");
  return line;
}

}  // namespace

int status(const Client& client, const Output& output, const StatusOptions& options) {
  const auto status = client.get("/v1/status");
  if (!status) return output.fail(status.error());
  output.object(*status);
  if (!output.json()) {
    const Terminal screen = terminal();
    print_status(*status, screen, options.all || !screen.is_terminal);
  }
  return list(*status, "alarms").empty() && is_true(*status, "engine") ? kDone : kNotAsWished;
}

namespace {

// A havend that restarts is back within this, give or take.
constexpr auto kAskAgain = std::chrono::milliseconds(250);

extern "C" void end_well(int) { ::_exit(kDone); }

// The reply; while following, one that is worth waiting for: a havend that is not there now may be restarting.
tl::expected<Json, Trouble> next_entries(const Client& client, const std::map<std::string, std::string>& query,
                                         bool following) {
  bool said = false;
  for (;;) {
    auto reply = client.get("/v1/journal", query);
    if (reply || !following || !reply.error().unreachable) return reply;
    if (!said) std::cerr << "haven: havend does not answer; going on when it does" << std::endl;
    said = true;
    std::this_thread::sleep_for(kAskAgain);
  }
}

}  // namespace

int journal(const Client& client, const Output& output, const JournalOptions& options) {
  std::map<std::string, std::string> query;
  if (!options.resource.empty()) query["resource"] = options.resource;
  // Who follows ends it so, and is well served by then: every line was written out.
  if (options.follow)
    for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, end_well);
  bool answered = false;
  for (;;) {
    const auto reply = next_entries(client, query, options.follow && answered);
    if (!reply) return output.fail(reply.error());
    answered = true;
    for (const Json& entry : list(*reply, "entries")) {
      output.line(entry_line(entry));
      if (options.follow) output.object(entry);
    }
    std::cout << std::flush;
    if (!std::cout) return kNotAsWished;  // nobody reads it any more
    if (!options.follow) {
      output.object({{"entries", list(*reply, "entries")}});
      return kDone;
    }
    query["after"] = text(*reply, "last");
    query["wait_s"] = "20";
  }
}

}  // namespace haven::cli
