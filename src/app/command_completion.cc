#include "app/command.h"

namespace leat::app {
namespace {

/// Names of a command's options and subcommands, as they are written.
std::vector<std::string> words_of(const CLI::App& command) {
  std::vector<std::string> words;
  for (const CLI::App* sub : command.get_subcommands([](const CLI::App*) { return true; })) {
    words.push_back(sub->get_name());
  }
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) words.push_back("--" + name);
  }
  return words;
}

std::vector<const CLI::App*> subcommands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

std::string bash_script(const CLI::App& app) {
  std::string out =
      "# bash completion of leat: leat completion bash > /etc/bash_completion.d/leat\n_leat() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} words\n  case ${COMP_WORDS[1]} in\n";
  for (const CLI::App* sub : subcommands_of(app)) {
    out += fmt::format("    {}) words='{}' ;;\n", sub->get_name(), fmt::join(words_of(*sub), " "));
  }
  out += fmt::format("    *) words='{}' ;;\n  esac\n", fmt::join(words_of(app), " "));
  out += "  [ \"$COMP_CWORD\" -eq 1 ] && words='";
  out += fmt::format("{}'\n", fmt::join(words_of(app), " "));
  out +=
      "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n}\n"
      "complete -o default -F _leat leat\n";
  return out;
}

std::string zsh_script(const CLI::App& app) {
  std::string out =
      "#compdef leat\n# zsh completion of leat: leat completion zsh > "
      "\"${fpath[1]}/_leat\"\n_leat() {\n"
      "  if (( CURRENT == 2 )); then\n";
  out += fmt::format("    compadd -- {}\n    return\n  fi\n  case $words[2] in\n",
                     fmt::join(words_of(app), " "));
  for (const CLI::App* sub : subcommands_of(app)) {
    out +=
        fmt::format("    {}) compadd -- {} ;;\n", sub->get_name(), fmt::join(words_of(*sub), " "));
  }
  return out + "  esac\n  _files\n}\n_leat \"$@\"\n";
}

std::string fish_script(const CLI::App& app) {
  std::string out =
      "# fish completion of leat: leat completion fish > ~/.config/fish/completions/leat.fish\n";
  for (const CLI::App* sub : subcommands_of(app)) {
    out += fmt::format("complete -c leat -n __fish_use_subcommand -a {} -d '{}'\n", sub->get_name(),
                       CLI::detail::find_and_replace(sub->get_description(), "'", "\\'"));
    for (const CLI::Option* option : sub->get_options()) {
      for (const std::string& name : option->get_lnames()) {
        out += fmt::format("complete -c leat -n '__fish_seen_subcommand_from {}' -l {}\n",
                           sub->get_name(), name);
      }
    }
  }
  return out;
}

}  // namespace

void add_completion(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand("completion", "Print the completion script for a shell");
  auto shell = std::make_shared<std::string>();
  command->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->footer("Example:\n  source <(leat completion bash)");
  command->callback([shell, &app, &outcome] {
    if (*shell == "bash") fmt::print("{}", bash_script(app));
    if (*shell == "zsh") fmt::print("{}", zsh_script(app));
    if (*shell == "fish") fmt::print("{}", fish_script(app));
    outcome.exit = Exit::ok;
  });
}

}  // namespace leat::app
