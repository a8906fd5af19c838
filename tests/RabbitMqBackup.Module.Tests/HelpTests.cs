using System.Management.Automation;
using System.Management.Automation.Language;
using Xunit;

namespace RabbitMqBackup.Module.Tests;

public sealed class HelpTests : IDisposable
{
    private readonly ModuleSession _session = new();

    public void Dispose() => _session.Dispose();

    [Fact]
    public void Every_cmdlet_and_every_parameter_has_help_and_the_help_has_no_other()
    {
        foreach (string command in Commands())
        {
            PSObject help = Help(command);
            Assert.True(Text(help, "Synopsis").Length > 20, $"{command} has no synopsis");
            Assert.True(Text(help, "Description").Length > 60, $"{command} has no description");
            _session.Set("Name", command);
            string[] real = [.. _session.RunCleanly("(Get-Command $Name).Parameters.Keys | Where-Object { $_ -notin [System.Management.Automation.Cmdlet]::CommonParameters }").Select(name => name.ToString())];
            PSObject[] described = [.. Items(((PSObject)help.Properties["parameters"].Value).Properties["parameter"]?.Value)];
            Assert.Equal(real.Order(StringComparer.Ordinal), described.Select(parameter => Text(parameter, "name")).Order(StringComparer.Ordinal));
            Assert.All(described, parameter => Assert.True(Text(parameter, "Description").Length > 10, $"{command} -{Text(parameter, "name")} has no help"));
        }
    }

    [Fact]
    public void Syntax_in_the_help_is_that_of_the_cmdlet()
    {
        foreach (string command in Commands())
        {
            _session.Set("Name", command);
            IEnumerable<string> real = _session.RunCleanly("""
                (Get-Command $Name).ParameterSets | ForEach-Object {
                    ($_.Parameters | ForEach-Object Name | Where-Object { $_ -notin [System.Management.Automation.Cmdlet]::CommonParameters }) -join ' '
                }
                """).Select(set => Sorted(set.ToString().Split(' ')));
            IEnumerable<string> shown = Items(((PSObject)Help(command).Properties["Syntax"].Value).Properties["syntaxItem"].Value)
                .Select(set => Sorted(Items(set.Properties["parameter"]?.Value).Select(parameter => Text(parameter, "name"))));
            Assert.Equal(real.Order(StringComparer.Ordinal), shown.Order(StringComparer.Ordinal));
        }
    }

    [Fact]
    public void Examples_parse_and_use_parameters_that_exist()
    {
        foreach (string command in Commands())
        {
            PSObject[] examples = [.. Items(((PSObject)Help(command).Properties["examples"].Value).Properties["example"].Value)];
            Assert.NotEmpty(examples);
            foreach (string code in examples.Select(example => Text(example, "code")))
            {
                Ast script = Parser.ParseInput(code, out _, out ParseError[] errors);
                Assert.Empty(errors);
                Assert.Contains(command, code, StringComparison.Ordinal);
                foreach (CommandAst call in script.FindAll(ast => ast is CommandAst, searchNestedScriptBlocks: true).Cast<CommandAst>().Where(call => call.GetCommandName().Contains("Rabbit", StringComparison.Ordinal)))
                {
                    _session.Set("Name", call.GetCommandName());
                    HashSet<string> known = [.. _session.RunCleanly("(Get-Command $Name).Parameters.Keys").Select(name => name.ToString())];
                    Assert.All(call.CommandElements.OfType<CommandParameterAst>(), parameter => Assert.Contains(parameter.ParameterName, known));
                }
            }
        }
    }

    [Fact]
    public void The_module_has_an_overview_that_names_every_cmdlet()
    {
        string overview = _session.RunCleanly("Get-Help about_RabbitMqBackup").Single().ToString();
        string list = overview[overview.IndexOf("THE CMDLETS", StringComparison.Ordinal)..overview.IndexOf("CONNECTIONS", StringComparison.Ordinal)];
        Assert.All(Commands(), command => Assert.Contains($"    {command} ", list, StringComparison.Ordinal));
    }

    private IEnumerable<string> Commands() => [.. _session.RunCleanly("(Get-Module RabbitMqBackup).ExportedCommands.Keys").Select(name => name.ToString())];

    private PSObject Help(string command) => _session.RunCleanly($"Get-Help {command} -Full").Single();

    private static string Sorted(IEnumerable<string> names) => string.Join(' ', names.Order(StringComparer.Ordinal));

    private static string Text(PSObject item, string property) => item.Properties[property]?.Value switch
    {
        null => "",
        object[] paragraphs => string.Join(' ', paragraphs.Select(paragraph => ((paragraph as PSObject)?.Properties["Text"]?.Value ?? paragraph).ToString())),
        PSObject { BaseObject: object[] paragraphs } => string.Join(' ', paragraphs.Select(paragraph => ((paragraph as PSObject)?.Properties["Text"]?.Value ?? paragraph).ToString())),
        { } value => value.ToString()!.Trim(),
    };

    private static IEnumerable<PSObject> Items(object? value) => value switch
    {
        null => [],
        object[] several => several.Select(PSObject.AsPSObject),
        PSObject { BaseObject: object[] several } => several.Select(PSObject.AsPSObject),
        { } one => [PSObject.AsPSObject(one)],
    };
}
