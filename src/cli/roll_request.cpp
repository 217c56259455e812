#include "cli/roll_request.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "cli/roll_plan.hpp"
#include "cli/words.hpp"
#include "core/model/wording.hpp"

namespace haven::cli {
namespace {

int no_input(const Output& output, const std::string& what, const std::string& wanted) {
  return output.fail(trouble(kBadInput, what, "", wanted));
}

Json round_json(const Round& round, const RollWanted& wanted, bool unprotected) {
  Json commands = Json::object();
  for (const std::string& host : round.hosts) commands[host] = wanted.commands.at(host);
  return {{"hosts", round.hosts},
          {"refused", refusal_of(round.foreseen, unprotected)},
          {"reserve", round.foreseen.at("reserve")},
          {"moves", round.foreseen.at("moves")},
          {"commands", commands}};
}

void print_round(const Output& output, const Json& round, std::size_t number) {
  std::vector<std::string> hosts;
  for (const Json& host : round.at("hosts")) hosts.push_back(host.get<std::string>());
  output.line("round " + std::to_string(number) + ": " + listed(hosts));
  const std::string refused = round.at("refused"), reserve = round.at("reserve");
  if (!refused.empty()) output.line("  refused: " + refused);
  if (refused.empty() && !reserve.empty()) output.line("  warning: " + reserve);
  for (const Json& move : round.at("moves")) {
    const std::string name = move.at("resource");
    std::string line = "  " + name + ": " + move.at("from").get<std::string>() + " -> ";
    if (move.at("to").is_string())
      line += move.at("to").get<std::string>() + (move.at("live") == true ? ", live" : ", by stop and start");
    else
      line += "nowhere";
    for (const Json& reason : move.at("reasons"))
      line += "; " + reason.at("host").get<std::string>() + ": " + reason.at("reason").get<std::string>();
    output.line(line);
  }
  if (round.at("moves").empty()) output.line("  nothing has to move");
  for (const auto& [host, words] : round.at("commands").items()) {
    std::string line;
    for (const Json& word : words) line += " " + quoted(word.get<std::string>());
    output.line("  " + host + " runs" + line);
  }
}

}  // namespace

std::string with_commas(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ",") + name;
  return text;
}

tl::expected<RollWanted, int> read_roll(const Client& client, const Output& output, const RollOptions& options) {
  RollWanted wanted;
  const auto words = split_words(options.command);
  if (!words)
    return tl::unexpected(no_input(output, "--command: " + words.error(), "--command 'ssh root@{address} …'"));
  const auto timeout = read_time(output, "--timeout", options.timeout);
  const auto settle = timeout ? read_time(output, "--settle", options.settle, Zero::allowed) : timeout;
  if (!settle) return tl::unexpected(settle.error());
  auto now = client.get("/v1/status");
  if (!now) return tl::unexpected(output.fail(now.error()));
  const auto spec = client.get("/v1/spec");
  if (!spec) return tl::unexpected(output.fail(spec.error()));
  wanted.status = std::move(*now);
  wanted.timeout = *timeout;
  wanted.settle = *settle;
  wanted.here = spec->at("host").get<std::string>();
  const auto hosts = hosts_to_roll(wanted.status, options.hosts);
  if (!hosts) {
    const bool known = std::all_of(options.hosts.begin(), options.hosts.end(), [&](const std::string& host) {
      return host_in(wanted.status, host) != nullptr &&
             std::count(options.hosts.begin(), options.hosts.end(), host) == 1;
    });
    return tl::unexpected(output.fail(trouble(known ? kNotAsWished : kBadInput, hosts.error(), "", "")));
  }
  if (options.reboots && std::find(hosts->begin(), hosts->end(), wanted.here) != hosts->end())
    return tl::unexpected(
        output.fail(trouble(kNotAsWished, "this is " + wanted.here + ": its reboot would be the end of the roll", "",
                            "a roll from a host that is not rolled, or --hosts without " + wanted.here)));
  wanted.order = in_order(wanted.status, *hosts, wanted.here);
  for (const std::string& host : wanted.order) {
    const std::string address = host_in(wanted.status, host)->value("address", "");
    const Argv& argv = wanted.commands[host] = filled_in(*words, {{"host", host}, {"address", address}});
    if (found_program(argv.front()).empty())
      return tl::unexpected(
          no_input(output, "--command: there is no program " + argv.front(), "one in PATH, or its path"));
  }
  return wanted;
}

int dry_roll(const Client& client, const Output& output, const RollOptions& options, const RollWanted& wanted) {
  std::optional<Trouble> failure;
  const auto rounds = schedule(wanted.order, static_cast<std::size_t>(options.at_once), options.unprotected,
                               [&](const std::vector<std::string>& hosts) -> std::optional<Json> {
                                 auto foreseen = client.get("/v1/maintenance", {{"hosts", with_commas(hosts)}});
                                 if (foreseen) return std::move(*foreseen);
                                 failure = foreseen.error();
                                 return std::nullopt;
                               });
  if (failure) return output.fail(*failure);
  bool ok = true;
  Json list = Json::array();
  for (const Round& round : rounds) {
    list.push_back(round_json(round, wanted, options.unprotected));
    print_round(output, list.back(), list.size());
    ok = ok && list.back().at("refused").get<std::string>().empty();
  }
  output.line(ok ? "each round as things are now; nothing was done"
                 : "it would stop where it is refused; nothing was done");
  output.object({{"ok", ok}, {"dry_run", true}, {"rounds", list}});
  return ok ? kDone : kNotAsWished;
}

}  // namespace haven::cli
