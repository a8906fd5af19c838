using System.Management.Automation;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Module.Tests;

public sealed class QueueListTests : BrokerTest
{
    [Fact]
    public async Task Queues_are_listed_with_type_and_verdict()
    {
        await FillAsync("orders", 3);
        await FillAsync("payments", 0, "quorum");
        IReadOnlyList<PSObject> queues = Session.RunCleanly("Get-RabbitQueue -Connection $Rabbit");
        Assert.Equal(["orders", "payments"], queues.Select(queue => (string?)Value(queue, "Name")).Order(StringComparer.Ordinal));
        Assert.Equal(["classic", "quorum"], queues.Select(queue => (string?)Value(queue, "Type")).Order(StringComparer.Ordinal));
        Assert.All(queues, queue => Assert.Equal(VirtualHost.Name, Value(queue, "VirtualHost")));
        Assert.All(queues, queue => Assert.NotNull(Value(queue, "Verdict")));
    }

    [Fact]
    public async Task Names_types_and_virtual_hosts_select()
    {
        await FillAsync("orders.eu", 0);
        await FillAsync("orders.us", 0, "quorum");
        await FillAsync("payments", 0);
        Assert.Equal(2, Session.RunCleanly("Get-RabbitQueue ORDERS.* -Connection $Rabbit").Count);
        Assert.Equal("orders.us", Value(Assert.Single(Session.RunCleanly("Get-RabbitQueue -Type Quorum -Connection $Rabbit")), "Name"));
        Assert.Empty(Session.RunCleanly("Get-RabbitQueue no-such-* -Connection $Rabbit"));
        Assert.Empty(Session.RunCleanly("Get-RabbitQueue -VirtualHost no-such-* -Connection $Rabbit"));
    }

    [Fact]
    public async Task A_name_that_is_not_there_is_an_error_after_those_that_are()
    {
        await FillAsync("orders", 0);
        SessionResult listed = Session.Run("Get-RabbitQueue orders, no-such-queue -Connection $Rabbit");
        Assert.Single(listed.Output);
        ErrorRecord error = Assert.Single(listed.Errors);
        Assert.StartsWith("QueueNotFound,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Equal(ErrorCategory.ObjectNotFound, error.CategoryInfo.Category);
        Assert.Contains("no-such-queue", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tab_completes_queues_and_virtual_hosts_and_never_fails()
    {
        await FillAsync("orders", 0);
        await FillAsync("with blank", 0);
        Assert.Equal(["orders"], Complete("Get-RabbitQueue -Connection $Rabbit -Name or"));
        Assert.Equal(["'with blank'"], Complete("Get-RabbitQueue -Connection $Rabbit -Name wi"));
        Assert.Contains(VirtualHost.Name, Complete("Get-RabbitQueue -Connection $Rabbit -VirtualHost mod"));
        Assert.Empty(Complete("Get-RabbitQueue -Connection amqp://guest@127.0.0.1:1 -Name or"));
        Assert.Empty(Complete("Get-RabbitQueue -Connection amqp://guest:guest@127.0.0.1:1 -Name or"));
        Assert.Empty(Complete("Get-RabbitQueue -Connection nonsense -Name or"));
    }

    [Fact]
    public async Task Tab_offers_only_queues_that_the_command_would_take()
    {
        await FillAsync("orders", 0);
        await using TestVirtualHost other = await TestVirtualHost.CreateAsync(Broker, "module");
        Session.RunCleanly($"$global:All = New-RabbitConnection '{VirtualHost.AmqpUri.GetLeftPart(UriPartial.Authority)}' -ManagementUri $ManagementUri");
        await AwaitListedAsync("orders", 0);
        Assert.Equal(["orders"], Complete("Backup-RabbitMq -Connection $Rabbit -Queue or"));
        Assert.Equal(["orders"], Complete($"Backup-RabbitMq -Connection $All -VirtualHost {VirtualHost.Name} -Queue or"));
        Assert.Empty(Complete($"Backup-RabbitMq -Connection $All -VirtualHost {other.Name} -Queue or"));
        Assert.Empty(Complete($"Backup-RabbitMq -Connection $Rabbit -VirtualHost {other.Name} -Queue or"));
    }

    private IEnumerable<string> Complete(string line)
    {
        Session.Set("Line", line);
        return Session.RunCleanly("(TabExpansion2 $Line $Line.Length).CompletionMatches | Where-Object ResultType -eq ParameterValue | ForEach-Object CompletionText")
            .Select(text => text.ToString());
    }
}
