using System.Management.Automation;
using System.Management.Automation.Language;
using System.Reflection;
using System.Xml.Linq;
using Xunit;

namespace RabbitMqBackup.Module.Tests;

/// <summary>The views of format.ps1xml against the types that they show.</summary>
public sealed class FormatTests : IDisposable
{
    private readonly ModuleSession _session = new();
    private readonly XElement[] _views = [.. XDocument.Load(Path.Combine(Repository.Root, "bin", "RabbitMqBackup.format.ps1xml")).Descendants("View")];

    public void Dispose() => _session.Dispose();

    [Fact]
    public void Every_type_that_a_cmdlet_emits_has_a_table_and_a_list()
    {
        string[] emitted =
        [
            .. _session.RunCleanly("(Get-Command -Module RabbitMqBackup).OutputType.Name").Select(name => name.ToString())
                .Where(name => name.StartsWith("RabbitMqBackup.", StringComparison.Ordinal)).Distinct(),
        ];
        Assert.NotEmpty(emitted);
        Assert.All(emitted, name => Assert.Equal(["ListControl", "TableControl"], Of(name).Select(Control).Order(StringComparer.Ordinal)));
    }

    [Fact]
    public void Views_show_properties_that_exist()
    {
        _session.RunCleanly("New-RabbitBackupStore ./x");
        Assembly[] assemblies = [.. AppDomain.CurrentDomain.GetAssemblies().Where(assembly => assembly.GetName().Name is "RabbitMqBackup.Engine" or "RabbitMqBackup.Cmdlets")];
        foreach (XElement view in _views)
        {
            string name = view.Descendants("TypeName").Single().Value;
            Type type = Assert.Single(assemblies.Select(assembly => assembly.GetType(name)).OfType<Type>());
            Assert.All(view.Descendants("PropertyName"), property => Assert.NotNull(type.GetProperty(property.Value)));
            Assert.All(view.Descendants("ScriptBlock").SelectMany(script => OwnProperties(script.Value)), property => Assert.True(type.GetProperty(property) is not null, $"{name} has no {property}"));
        }
    }

    [Fact]
    public void Script_blocks_need_no_cmdlet_that_a_session_may_lack()
    {
        foreach (string script in _views.SelectMany(view => view.Descendants("ScriptBlock")).Select(script => script.Value))
        {
            Ast parsed = Parser.ParseInput(script, out _, out ParseError[] errors);
            Assert.Empty(errors);
            Assert.All(parsed.FindAll(ast => ast is CommandAst, searchNestedScriptBlocks: true).Cast<CommandAst>(), command => Assert.Equal("ForEach-Object", command.GetCommandName()));
        }
    }

    [Fact]
    public void Tables_have_as_many_cells_as_headers() =>
        Assert.All(
            _views.Where(view => Control(view) == "TableControl"),
            view => Assert.Equal(view.Descendants("TableColumnHeader").Count(), view.Descendants("TableColumnItem").Count()));

    [Fact]
    public void Tables_have_room_for_the_ids_that_backups_get() =>
        Assert.All(
            _views.Descendants("TableColumnHeader").Where(header => header.Element("Label")?.Value == "BackupId"),
            header => Assert.Equal("20261127-205436-733-66107010".Length, (int?)header.Element("Width")));

    private IEnumerable<XElement> Of(string type) => _views.Where(view => view.Descendants("TypeName").Any(name => name.Value == type));

    private static string Control(XElement view) => view.Elements().Select(element => element.Name.LocalName).Single(name => name.EndsWith("Control", StringComparison.Ordinal));

    /// <summary>The members of <c>$_</c> that a script reads, where <c>$_</c> is the object shown and not an item of one of its lists.</summary>
    private static IEnumerable<string> OwnProperties(string script) =>
        Parser.ParseInput(script, out _, out _)
            .FindAll(ast => ast is MemberExpressionAst and not InvokeMemberExpressionAst, searchNestedScriptBlocks: false)
            .Cast<MemberExpressionAst>()
            .Where(member => member.Expression is VariableExpressionAst { VariablePath.UserPath: "_" } && !IsNested(member))
            .Select(member => member.Member.Extent.Text);

    private static bool IsNested(Ast ast)
    {
        for (Ast? parent = ast.Parent; parent is not null; parent = parent.Parent)
        {
            if (parent is ScriptBlockExpressionAst)
            {
                return true;
            }
        }

        return false;
    }
}
