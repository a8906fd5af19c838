using System.Management.Automation;
using RabbitMQ.Client;
using Xunit;

namespace RabbitMqBackup.Module.Tests;

public sealed class DefinitionsTests : BrokerTest
{
    [Fact]
    public async Task Definitions_of_the_connections_virtual_host_are_exported()
    {
        await FillAsync("orders", 0);
        PSObject document = Assert.Single(Session.RunCleanly("Export-RabbitDefinitions -Connection $Rabbit"));
        Assert.Equal("orders", Value(Assert.Single(Values(document, "Queues")), "Name"));
        Assert.Empty(Values(document, "Users"));
    }

    [Fact]
    public async Task A_file_is_written_for_its_owner_and_replaced_only_with_force()
    {
        await FillAsync("orders", 0);
        PSObject file = Assert.Single(Session.RunCleanly("$null = $ExecutionContext.SessionState.Path.SetLocation($Folder); Export-RabbitDefinitions ./d.json -Connection $Rabbit"));
        string path = Path.Combine(Folder, "d.json");
        Assert.Equal(path, Value(file, "FullName"));
        Assert.IsType<FileInfo>(file.BaseObject);
        Assert.Equal("d.json", Value(file, "PSChildName"));
        Assert.Contains("orders", await File.ReadAllTextAsync(path, Cancellation), StringComparison.Ordinal);
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));

            // What PowerShell's table of files shows there.
            Assert.NotNull(Value(file, "UnixStat"));
        }

        await File.WriteAllTextAsync(path, "mine", Cancellation);
        Assert.Contains("-Force", Assert.Single(Session.Run("Export-RabbitDefinitions ./d.json -Connection $Rabbit").Errors).ToString(), StringComparison.Ordinal);
        Session.RunCleanly("Export-RabbitDefinitions ./d.json -Connection $Rabbit -Force -WhatIf");
        Assert.Equal("mine", await File.ReadAllTextAsync(path, Cancellation));
        Session.RunCleanly("Export-RabbitDefinitions ./d.json -Connection $Rabbit -Force");
        Assert.NotEqual("mine", await File.ReadAllTextAsync(path, Cancellation));
        Assert.Single(Directory.GetFiles(Folder));
    }

    [Theory]
    [InlineData("$Saved | Import-RabbitDefinitions -Connection $Rabbit")]
    [InlineData("Import-RabbitDefinitions $Folder/d.json -Connection $Rabbit")]
    public async Task What_was_lost_comes_back(string import)
    {
        await FillAsync("orders", 0);
        await Channel.ExchangeDeclareAsync("events", ExchangeType.Topic, durable: true, cancellationToken: Cancellation);
        Session.RunCleanly("$global:Saved = Export-RabbitDefinitions -Connection $Rabbit; $null = Export-RabbitDefinitions $Folder/d.json -Connection $Rabbit");
        await Channel.ExchangeDeleteAsync("events", cancellationToken: Cancellation);

        IReadOnlyList<PSObject> plan = Session.RunCleanly($"{import} -WhatIf");
        Assert.Contains(plan, item => $"{Value(item, "Outcome")}" == "Created" && $"{Value(item, "Object")}".Contains("events", StringComparison.Ordinal));
        Session.Host.Answers.Enqueue("&No");
        Assert.Empty(Session.RunCleanly(import));
        Assert.Empty(Session.RunCleanly("(Export-RabbitDefinitions -Connection $Rabbit).Exchanges"));

        PSObject report = Assert.Single(Session.RunCleanly($"{import} -Confirm:$false"));
        Assert.Equal(true, Value(report, "IsComplete"));
        Assert.Equal(1, Value(report, "Created"));
        Assert.Single(Session.RunCleanly("(Export-RabbitDefinitions -Connection $Rabbit).Exchanges"));
    }

    [Fact]
    public async Task A_queue_with_other_properties_is_a_conflict_and_stays_as_it_is()
    {
        await FillAsync("orders", 0, "quorum");
        Session.RunCleanly("$global:Saved = Export-RabbitDefinitions -Connection $Rabbit");
        await Channel.QueueDeleteAsync("orders", cancellationToken: Cancellation);
        await FillAsync("orders", 0);
        SessionResult result = Session.Run("$Saved | Import-RabbitDefinitions -Connection $Rabbit -Confirm:$false");
        Assert.Equal(false, Value(Assert.Single(result.Output), "IsComplete"));
        ErrorRecord error = Assert.Single(result.Errors);
        Assert.StartsWith("DefinitionConflict,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Equal(ErrorCategory.ResourceExists, error.CategoryInfo.Category);
        Assert.NotEmpty(error.ErrorDetails.RecommendedAction);
    }

    [Theory]
    [InlineData("not json")]
    [InlineData("{ \"queues\": [ 1")]
    public async Task A_file_that_is_none_is_an_error_that_names_it(string text)
    {
        await File.WriteAllTextAsync(Path.Combine(Folder, "d.json"), text, Cancellation);
        ErrorRecord error = Assert.Single(Session.Run("Import-RabbitDefinitions $Folder/d.json -Connection $Rabbit -Confirm:$false").Errors);
        Assert.StartsWith("DefinitionInvalid,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Contains("d.json", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Definitions_of_a_backup_can_be_looked_at_before_an_import()
    {
        await FillAsync("orders", 0);
        Session.RunCleanly("Backup-RabbitMq $Store -Connection $Rabbit -SkipDefinitions:$false");
        Assert.Contains(
            Session.RunCleanly("Get-RabbitBackup $Store | Import-RabbitDefinitions -Connection $Rabbit -WhatIf"),
            item => $"{Value(item, "Object")}" == $"queue 'orders' in '{VirtualHost.Name}'" && $"{Value(item, "Outcome")}" == "Equal");
        Session.RunCleanly("Backup-RabbitMq $Store -Connection $Rabbit -BackupId without");
        Assert.StartsWith(
            "ObjectNotFound,",
            Assert.Single(Session.Run("Get-RabbitBackup $Store without | Import-RabbitDefinitions -Connection $Rabbit -WhatIf").Errors).FullyQualifiedErrorId,
            StringComparison.Ordinal);
    }
}
