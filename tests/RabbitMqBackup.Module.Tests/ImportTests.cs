using System.Management.Automation;
using System.Reflection;
using System.Runtime.Loader;
using Xunit;

namespace RabbitMqBackup.Module.Tests;

public sealed class ImportTests
{
    private const string Probe = "(New-RabbitConnection).ToString()";

    [Fact]
    public void Module_imports_and_its_engine_answers()
    {
        using ModuleSession session = new();
        Assert.Equal("amqp://localhost:5672", session.RunCleanly(Probe).Single().ToString());
    }

    [Fact]
    public void Exported_commands_are_the_cmdlets_of_the_assembly()
    {
        using ModuleSession session = new();
        string[] exported = [.. session.RunCleanly("(Get-Module RabbitMqBackup).ExportedCommands.Keys").Select(name => name.ToString()).Order(StringComparer.Ordinal)];
        string[] built = [.. session.RunCleanly("""
            (Get-Module RabbitMqBackup).ImplementingAssembly.GetTypes() |
                ForEach-Object { $_.GetCustomAttributes([System.Management.Automation.CmdletAttribute], $false) } |
                ForEach-Object { "$($_.VerbName)-$($_.NounName)" }
            """).Select(name => name.ToString()).Order(StringComparer.Ordinal)];
        Assert.NotEmpty(built);
        Assert.Equal(built, exported);
    }

    [Fact]
    public void Import_with_force_leaves_a_module_that_works()
    {
        using ModuleSession session = new();
        session.RunCleanly("Import-Module $Manifest -Force; Import-Module $Manifest -Force");
        Assert.Single(session.RunCleanly(Probe));
    }

    [Fact]
    public void Import_after_removal_leaves_a_module_that_works()
    {
        using ModuleSession session = new(import: false);
        session.RunCleanly($"Import-Module $Manifest; $null = {Probe}; Remove-Module RabbitMqBackup");
        Assert.NotEmpty(session.Run(Probe).Errors);
        Assert.Single(session.RunCleanly($"Import-Module $Manifest; {Probe}"));
    }

    [Fact]
    public async Task Runspaces_side_by_side_all_get_a_module_that_works()
    {
        IReadOnlyList<PSObject>[] results = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() =>
        {
            using ModuleSession session = new();
            return session.RunCleanly(Probe);
        })));
        Assert.All(results, result => Assert.Single(result));
    }

    [Fact]
    public void ForEach_Object_in_parallel_works()
    {
        using ModuleSession session = new();
        IReadOnlyList<PSObject> output = session.RunCleanly("1..4 | ForEach-Object -Parallel { Import-Module $using:Manifest; (New-RabbitConnection amqp://h$_).ToString() }");
        Assert.Equal(["amqp://h1:5672", "amqp://h2:5672", "amqp://h3:5672", "amqp://h4:5672"], output.Select(item => item.ToString()).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Engine_and_its_libraries_stay_out_of_the_default_context()
    {
        using ModuleSession session = new();
        session.RunCleanly(Probe);
        Assembly[] engines = [.. AppDomain.CurrentDomain.GetAssemblies().Where(assembly => assembly.GetName().Name == "RabbitMqBackup.Engine")];
        Assembly engine = Assert.Single(engines);
        Assert.NotSame(AssemblyLoadContext.Default, AssemblyLoadContext.GetLoadContext(engine));
    }

    [Fact]
    public void Other_versions_of_its_libraries_in_the_session_do_no_harm() =>
        Assert.All(ConflictingDependency.Names, name => Assert.Contains(AssemblyLoadContext.Default.Assemblies, loaded => loaded.GetName() is { } found && found.Name == name && found.Version == new Version(0, 0, 1, 0)));
}
