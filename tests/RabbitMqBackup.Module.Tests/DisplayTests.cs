using System.Text.RegularExpressions;
using Xunit;

namespace RabbitMqBackup.Module.Tests;

public sealed partial class DisplayTests : BrokerTest
{
    [Theory]
    [InlineData("Get-RabbitQueue -Connection $Rabbit", "Verdict")]
    [InlineData("Get-RabbitBackup $Store", "Complete")]
    [InlineData("(Get-RabbitBackup $Store).Queues", "Captured")]
    [InlineData("Get-RabbitBackup $Store | Get-RabbitBackupSegment", "segment-0001")]
    [InlineData("Get-RabbitBackup $Store | Get-RabbitBackupMessage", "a-rather-")]
    [InlineData("Get-RabbitBackup $Store | Test-RabbitBackup -Deep", "True")]
    [InlineData("Get-RabbitBackup $Store | Restore-RabbitMq -Connection $Rabbit -WhatIf", "Conflict")]
    [InlineData("Get-RabbitBackup $Store | Restore-RabbitMq -Connection $Rabbit -IfNotEmpty Append -Confirm:$false", "True")]
    [InlineData("(Get-RabbitBackup $Store | Restore-RabbitMq -Connection $Rabbit -IfNotEmpty Append -Confirm:$false).Queues", "a-rather-long-name")]
    [InlineData("Remove-RabbitBackup -Store $Store -KeepLast 1 -KeepDaily 1 -KeepWeekly 1 -KeepMonthly 1 -WhatIf", "Keep")]
    [InlineData("Export-RabbitDefinitions -Connection $Rabbit", "Exchanges")]
    [InlineData("(Export-RabbitDefinitions -Connection $Rabbit).Queues", "a-rather-long-name")]
    [InlineData("Export-RabbitDefinitions -Connection $Rabbit | Import-RabbitDefinitions -Connection $Rabbit -WhatIf", "Equal")]
    [InlineData("Export-RabbitDefinitions -Connection $Rabbit | Import-RabbitDefinitions -Connection $Rabbit -Confirm:$false", "True")]
    public async Task Tables_fit_into_80_columns(string script, string shown)
    {
        await FillAsync("a-rather-long-name-of-a-queue-as-people-have-them", 3);
        Session.RunCleanly("Backup-RabbitMq $Store -Connection $Rabbit");
        Session.RunCleanly($"{script} | Out-Default");
        string[] lines = [.. Colours().Replace(Session.Host.Shown, "").Split('\n').Select(line => line.TrimEnd()).Where(line => !line.StartsWith("What if:", StringComparison.Ordinal))];
        Assert.Contains(lines, line => line.Contains(shown, StringComparison.Ordinal));
        Assert.Contains(lines, line => line.TrimStart().StartsWith("---", StringComparison.Ordinal));
        Assert.All(lines, line => Assert.True(line.Length <= 80, line));
    }

    [GeneratedRegex(@"\x1b\[[0-9;]*m")]
    private static partial Regex Colours();
}
