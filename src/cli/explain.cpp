// explain: why a resource is where it is.
#include "cli/answer.hpp"
#include "cli/commands.hpp"
#include "core/model/wording.hpp"

namespace haven::cli {
namespace {

std::string seconds(const Json& milliseconds) { return tenths(milliseconds.get<std::int64_t>()) + " s"; }

void show_hosts(const Json& answer, const Output& output) {
  for (const Json& host : answer.at("hosts")) {
    std::string line = "  " + padded(text(host, "host"), 10) + " ";
    const std::string reason = text(host, "reason");
    const std::string remark = text(host, "remark");
    if (host.at("holds").get<bool>())
      line += reason.empty() ? "it is here" : "it is here; nothing new would be placed here: " + reason;
    else
      line += reason.empty() ? "possible" : "not here: " + reason;
    output.line(remark.empty() ? line : line + " (" + remark + ")");
  }
}

void show_death(const Json& death, const std::string& resource, const Output& output) {
  const std::string host = text(death, "host");
  std::string line = "If " + host + " died now: its silence is noticed after " + seconds(death.at("noticed_ms"));
  line += death.at("proved_by_itself").get<bool>() ? "; it is proved dead some " + seconds(death.at("proved_ms")) +
                                                         " after its death (" + text(death, "proof") + ")"
                                                   : "; it is proved dead by " + text(death, "proof");
  output.line(line + ". Then, in this order:");
  for (const Json& one : death.at("resources")) {
    const std::string name = text(one, "resource");
    std::string what = text(one, "to").empty() ? "stays down" : "starts on " + text(one, "to");
    const auto names = [&](const char* key) { return listed(one.at(key).get<std::vector<std::string>>()); };
    if (const std::string stops = names("stops"); !stops.empty())
      what += ", once room is made there: " + stops + " stop";
    if (const std::string after = names("after"); !after.empty()) what += ", after " + after;
    output.line(std::string(name == resource ? "> " : "  ") + padded(name, 16) + " " + what);
    for (const Json& reason : one.at("reasons"))
      output.line("      " + text(reason, "host") + ": " + text(reason, "reason"));
    if (const std::string remedy = text(one, "remedy"); !remedy.empty()) output.line("      " + remedy);
  }
}

}  // namespace

int explain(const Client& client, const Output& output, const std::string& resource) {
  const auto answer = client.get("/v1/explain", {{"resource", resource}});
  if (!answer) return output.fail(answer.error());
  const std::string host = text(*answer, "host");
  output.line(resource + ": " + text(*answer, "state") + (host.empty() ? "" : " on " + host) +
              (text(*answer, "why").empty() ? "" : " (" + text(*answer, "why") + ")"));
  for (const Json& sentence : answer->at("why_here")) output.line("  " + sentence.get<std::string>());
  output.line("Hosts:");
  show_hosts(*answer, output);
  const Json& death = answer->at("if_its_host_died");
  if (death.is_object()) show_death(death, resource, output);
  output.object(*answer);
  return kDone;
}

}  // namespace haven::cli
