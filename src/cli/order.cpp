// Orders about one resource or host.
#include <cstdlib>
#include <iostream>

#include "cli/commands.hpp"

namespace haven::cli {

// Who we are havend knows from the kernel.
std::string on_behalf_of() {
  const char* user = std::getenv("SUDO_USER");
  return user == nullptr ? "" : user;
}

bool typed_name(const std::string& host) {
  std::cerr << "Type the name " << host << " to go on: " << std::flush;
  std::string typed;
  std::getline(std::cin, typed);
  return typed == host;
}

namespace {

// What a person is asked before it is done; empty: nothing.
std::string question_of(const Order& order) {
  if (order.verb == "fence_test") {
    return order.host + " is switched off, and on again" +
           (order.force ? "; what runs there dies and starts elsewhere." : ".");
  }
  return order.force ? "You confirm that " + order.host + " is off, whatever is heard of it." : "";
}

}  // namespace

int order(const Client& client, const Output& output, const Order& order) {
  if (const std::string question = question_of(order); !question.empty()) {
    std::cerr << question << "\n";
    if (!typed_name(order.host))
      return output.fail(trouble(kBadInput, "that is not " + order.host, "", "the host's name"));
  }
  const auto done = client.post("/v1/operator", {{"verb", order.verb},
                                                 {"resource", order.resource},
                                                 {"host", order.host},
                                                 {"by", on_behalf_of()},
                                                 {"force", order.force},
                                                 {"level", order.level},
                                                 {"name", order.name}});
  if (!done) return output.fail(done.error());
  output.line(done->at("text").get<std::string>());
  output.object({{"ok", true}, {"text", done->at("text")}});
  return kDone;
}

}  // namespace haven::cli
