// Hosts taken out of service one round after the other, a command for each, and back.
//
// What may go out when is havend's to say: this asks for it like `haven maintenance`, and stops where it is refused. It
// keeps no state of its own. Whatever ends it, a host that is out stays out, as it would without this command, and what
// is left to do is told as the commands that do it.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <iterator>
#include <set>
#include <utility>

#include "cli/commands.hpp"
#include "cli/commands_at_once.hpp"
#include "cli/interrupts.hpp"
#include "cli/roll_plan.hpp"
#include "cli/roll_request.hpp"
#include "cli/words.hpp"
#include "core/model/wording.hpp"

namespace haven::cli {
namespace {

using Clock = std::chrono::steady_clock;
using Names = std::vector<std::string>;

// havend answers from its view, which costs the engine nothing.
constexpr std::chrono::milliseconds kAskAgain{500};

std::string what_of(const Trouble& trouble) {
  const Json& error = trouble.json.at("error");
  return error.contains("what") && error["what"].is_string() ? error["what"].get<std::string>() : "it was refused";
}

// In the order of `all`.
Names of_these(const Names& all, const Names& some) {
  Names result;
  std::copy_if(all.begin(), all.end(), std::back_inserter(result),
               [&](const std::string& name) { return std::find(some.begin(), some.end(), name) != some.end(); });
  return result;
}

class Roll {
 public:
  Roll(const Client& client, const Output& output, const RollOptions& options, RollWanted wanted)
      : client_(client), output_(output), options_(options), wanted_(std::move(wanted)), left_(wanted_.order) {
    baseline_ = unsettled(wanted_.status);
    if (const auto engine = client_.get("/v1/cluster/status")) engine_before_ = *engine;
  }

  int run();

 private:
  enum class Waited { over, late, interrupted };
  Waited watch(const std::function<bool(const Json& status)>& over);

  Names take_out();
  bool order(const std::string& host, bool on);
  Names drain(Names round);
  Names command(const Names& round);
  Names wait_well(Names round);
  Names give_back(const Names& round);
  Names wait_settled(Names round);
  std::string disorder(const Json& status) const;
  void fail(const std::string& host, std::string why);
  [[nodiscard]] bool stopped() const { return !failed_.empty() || interrupts_.count() > 0; }
  int end();
  [[nodiscard]] std::string again(const Names& hosts) const;
  void say(const std::string& host, const std::string& text) const;

  const Client& client_;
  const Output& output_;
  const RollOptions& options_;
  const RollWanted wanted_;
  const Interrupts interrupts_;
  Json engine_before_;
  std::map<std::string, std::string> baseline_;  // unsettled before anything was done: not waited for
  std::map<std::string, std::string> boots_;     // as the command begins
  Names left_;                                   // not done
  Names done_;
  std::set<std::string> out_, commanded_;
  std::map<std::string, std::string> failed_;
};

void Roll::say(const std::string& host, const std::string& text) const {
  output_.line(host + ": " + text);
  std::cout << std::flush;
}

void Roll::fail(const std::string& host, std::string why) {
  say(host, why);
  failed_.emplace(host, std::move(why));
}

// A havend that does not answer may be restarting, on this very host: it is asked again until the time is over.
Roll::Waited Roll::watch(const std::function<bool(const Json& status)>& over) {
  const auto deadline = Clock::now() + wanted_.timeout;
  for (;;) {
    if (interrupts_.count() > 0) return Waited::interrupted;
    const auto status = client_.get("/v1/status");
    if (status && over(*status)) return Waited::over;
    if (Clock::now() >= deadline) return Waited::late;
    interrupts_.wait(kAskAgain);
  }
}

// Out of service, or back in it. False: it was refused.
bool Roll::order(const std::string& host, bool on) {
  const auto said = client_.post("/v1/operator", {{"verb", on ? "maintain" : "resume"},
                                                  {"host", host},
                                                  {"by", on_behalf_of()},
                                                  {"force", false},
                                                  {"unprotected", options_.unprotected}});
  if (!said) return fail(host, what_of(said.error())), false;
  for (const Json& warning : said->value("warnings", Json::array()))
    say(host, "warning: " + warning.get<std::string>());
  return true;
}

// The next of those that are left, and with it whoever may go as well.
Names Roll::take_out() {
  const auto status = client_.get("/v1/status");
  if (!status) return fail(left_.front(), what_of(status.error())), Names{};
  Names round;
  for (const std::string& host : in_order(*status, left_, wanted_.here)) {
    if (round.size() >= static_cast<std::size_t>(options_.at_once) || interrupts_.count() > 0) break;
    const bool accepted = order(host, true);
    if (accepted) {
      out_.insert(host);
      round.push_back(host);
      say(host, "goes out of service");
    } else if (round.empty()) {
      break;
    } else {
      failed_.erase(host);
      say(host, "waits for a later round");
    }
  }
  return round;
}

Names Roll::drain(Names round) {
  const Names all = round;
  Names empty;
  std::map<std::string, Names> before;
  const auto waited = watch([&](const Json& status) {
    std::erase_if(round, [&](const std::string& host) {
      const Json* one = host_in(status, host);
      const Names names = still_on(status, host);
      for (const std::string& name : before[host])
        if (std::find(names.begin(), names.end(), name) == names.end()) say(host, name + " has moved");
      before[host] = names;
      const bool on = one != nullptr && one->at("maintenance").is_object() && one->at("maintenance").at("on") == true;
      if (!on) {
        out_.erase(host);
        fail(host, "it is not in maintenance any more: somebody else said so");
      } else if (names.empty()) {
        boots_[host] = one->at("boot").is_string() ? one->at("boot").get<std::string>() : "";
        empty.push_back(host);
      }
      return !on || names.empty();
    });
    return round.empty();
  });
  if (waited == Waited::late)
    for (const std::string& host : round) fail(host, "not empty in time: " + listed(before[host]) + " still there");
  return of_these(all, empty);
}

Names Roll::command(const Names& round) {
  std::map<std::string, Argv> commands;
  for (const std::string& host : round) {
    commands[host] = wanted_.commands.at(host);
    std::string line;
    for (const std::string& word : commands[host]) line += (line.empty() ? "" : " ") + quoted(word);
    say(host, "runs " + line);
  }
  const auto tell = [&](const std::string& host, const std::string& line) {
    (output_.json() ? std::cerr : std::cout) << host << "| " << line << std::endl;
  };
  const auto interrupted = [&] {
    std::cerr << "haven: interrupted; the command is let end (Ctrl-C again ends it)" << std::endl;
  };
  const auto whys = run_at_once(commands, wanted_.timeout, tell, interrupts_, interrupted);
  Names well;
  for (const std::string& host : round) {
    if (!whys.at(host).empty()) {
      fail(host, whys.at(host));
      continue;
    }
    commanded_.insert(host);
    well.push_back(host);
    say(host, "its command is done");
  }
  return well;
}

Names Roll::wait_well(Names round) {
  const Names all = round;
  Names well;
  std::map<std::string, std::string> why;
  std::map<std::string, Clock::time_point> since;
  const auto waited = watch([&](const Json& status) {
    std::optional<Json> engine;
    std::erase_if(round, [&](const std::string& host) {
      why[host] = unwell(status, host, options_.reboots ? boots_[host] : "");
      if (why[host].empty() && !engine) engine = client_.get("/v1/cluster/status").value_or(Json());
      if (why[host].empty()) why[host] = member_unwell(engine_before_, *engine, host);
      if (!why[host].empty()) {
        since.erase(host);
        return false;
      }
      const auto from = since.try_emplace(host, Clock::now()).first->second;
      if (Clock::now() < from + wanted_.settle) return false;
      well.push_back(host);
      say(host, "is well");
      return true;
    });
    return round.empty();
  });
  if (waited == Waited::late)
    for (const std::string& host : round)
      fail(host, "not well in time: it " + (why[host].empty() ? "was not well for long enough" : why[host]));
  return of_these(all, well);
}

Names Roll::give_back(const Names& round) {
  Names back;
  for (const std::string& host : round) {
    if (!order(host, false)) continue;
    out_.erase(host);
    back.push_back(host);
    say(host, "is back in service");
  }
  return back;
}

// Something that was settled before is not now; empty: nothing.
std::string Roll::disorder(const Json& status) const {
  for (const auto& [name, why] : unsettled(status))
    if (!baseline_.contains(name)) return name + " " + why;
  return "";
}

Names Roll::wait_settled(Names round) {
  if (round.empty()) return {};
  const Names all = round;
  Names done;
  std::string why;
  const auto waited = watch([&](const Json& status) {
    std::erase_if(round, [&](const std::string& host) {
      const Json* one = host_in(status, host);
      return one != nullptr && one->at("maintenance").is_null();
    });
    why = round.empty() ? disorder(status) : "";
    for (const std::string& host : round)
      if (const Json* one = host_in(status, host); one != nullptr && one->at("maintenance").is_object()) {
        Names names;
        for (const Json& name : one->at("maintenance").at("left")) names.push_back(name.get<std::string>());
        why += (why.empty() ? "" : "; ") + listed(names) + " not back on " + host;
      }
    return round.empty() && why.empty();
  });
  if (waited == Waited::late)
    for (const std::string& host : all) fail(host, "not settled in time: " + why);
  if (waited == Waited::over)
    for (const std::string& host : all) {
      done.push_back(host);
      say(host, "is done");
    }
  return done;
}

// The command that goes on with these.
std::string Roll::again(const Names& hosts) const {
  std::string line = "haven roll --command " + quoted(options_.command) + " --hosts " + with_commas(hosts);
  if (options_.at_once != 1) line += " --at-once " + std::to_string(options_.at_once);
  if (options_.timeout != RollOptions{}.timeout) line += " --timeout " + options_.timeout;
  if (options_.settle != RollOptions{}.settle) line += " --settle " + options_.settle;
  if (options_.reboots) line += " --reboots";
  if (options_.unprotected) line += " --unprotected";
  return line;
}

int Roll::end() {
  const bool ok = left_.empty();
  const bool interrupted = !ok && interrupts_.count() > 0;
  Names out, to_do, go_on;
  for (const std::string& host : left_) {
    if (out_.contains(host)) out.push_back(host);
    if (!commanded_.contains(host)) to_do.push_back(host);
    if (commanded_.contains(host) && out_.contains(host)) go_on.push_back("haven maintenance " + host + " off");
  }
  if (!to_do.empty()) go_on.push_back(again(to_do));
  if (ok) output_.line("all done: " + listed(done_));
  if (!ok)
    output_.line((interrupted ? "interrupted; done: " : "stopped; done: ") + (done_.empty() ? "none" : listed(done_)));
  for (const std::string& host : left_) {
    const auto failed = failed_.find(host);
    std::string state = out_.contains(host) ? "out of service, and stays so" : "in service";
    if (commanded_.contains(host)) state += "; its command is done";
    if (failed != failed_.end()) state += "; " + failed->second;
    output_.line("  " + host + ": " + state);
  }
  if (!go_on.empty()) output_.line(failed_.empty() ? "to go on:" : "to go on, once that is mended:");
  for (const std::string& line : go_on) output_.line("  " + line);
  output_.object({{"ok", ok},
                  {"interrupted", interrupted},
                  {"done", done_},
                  {"failed", failed_},
                  {"out_of_service", out},
                  {"left", to_do},
                  {"go_on", go_on}});
  return ok ? kDone : kNotAsWished;
}

int Roll::run() {
  for (const auto& [name, why] : baseline_) output_.line("not waited for: " + name + " " + why);
  while (!left_.empty() && !stopped()) {
    Names round = take_out();
    round = drain(std::move(round));
    if (interrupts_.count() == 0)
      round = command(round);
    else
      round.clear();
    round = wait_well(std::move(round));
    round = give_back(round);
    round = wait_settled(std::move(round));
    for (const std::string& host : round) {
      done_.push_back(host);
      std::erase(left_, host);
    }
  }
  return end();
}

}  // namespace

int roll(const Client& client, const Output& output, const RollOptions& options) {
  auto wanted = read_roll(client, output, options);
  if (!wanted) return wanted.error();
  if (options.dry_run) return dry_roll(client, output, options, *wanted);
  return Roll(client, output, options, std::move(*wanted)).run();
}

}  // namespace haven::cli
