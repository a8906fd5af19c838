using Xunit;

namespace RabbitMqBackup.Module.Tests;

/// <summary>The scheduled job of the overview, as it stands there.</summary>
public sealed class JobTests : BrokerTest
{
    [Fact]
    public async Task The_job_of_the_overview_backs_up_and_checks()
    {
        await FillAsync("orders", 5);
        RunJob();
        Assert.Single(Manifests);
        Assert.Equal("Complete", $"{Value(Assert.Single(Session.RunCleanly("Get-RabbitBackup $Store")), "Status")}");
    }

    [Fact]
    public async Task A_queue_that_can_t_be_read_fails_the_job_and_costs_no_other_its_backup()
    {
        await FillAsync("orders", 5);
        await Channel.QueueDeclareAsync("own", durable: false, exclusive: true, autoDelete: false, cancellationToken: Cancellation);
        SessionResult result = RunJob();
        Assert.StartsWith("Partial: ", result.Errors[^1].ToString(), StringComparison.Ordinal);
        Assert.Contains(result.Errors, error => error.ToString().Contains("'own'", StringComparison.Ordinal));
        Assert.Equal("Partial", $"{Value(Assert.Single(Session.RunCleanly("Get-RabbitBackup $Store")), "Status")}");
        Assert.Single(Session.RunCleanly("Get-RabbitBackup $Store | Get-RabbitBackupSegment"));
        Assert.Equal(Filled("orders", 5), await TakeAllAsync("orders"));
    }

    private SessionResult RunJob()
    {
        Session.RunCleanly("$global:PSDefaultParameterValues['Backup-RabbitMq:Connection'] = $Rabbit; $global:PSDefaultParameterValues['Backup-RabbitMq:Store'] = $Store");
        string overview = File.ReadAllText(Path.Combine(Repository.Root, "en-US", "about_RabbitMqBackup.help.txt"));
        string[] script =
        [
            .. overview[overview.IndexOf("\nJOBS", StringComparison.Ordinal)..].Split('\n')
                .SkipWhile(line => !line.StartsWith("        ", StringComparison.Ordinal))
                .TakeWhile(line => line.StartsWith("        ", StringComparison.Ordinal))
                .Where(line => !line.Contains("Import-Module", StringComparison.Ordinal)),
        ];
        Assert.Contains(script, line => line.Contains("Backup-RabbitMq", StringComparison.Ordinal));
        return Session.Run(string.Join('\n', script));
    }
}
