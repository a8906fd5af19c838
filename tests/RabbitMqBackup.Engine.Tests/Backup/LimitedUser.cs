using System.Net.Http.Json;
using RabbitMqBackup.Engine.Broker;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Backup;

/// <summary>A queue, and a user that reads it and can be taken away.</summary>
internal sealed class LimitedUser : IAsyncDisposable
{
    /// <summary>Messages in the queue.</summary>
    internal const int Count = 200;

    private readonly string _name = $"reader-{Guid.NewGuid():N}";

    private LimitedUser(Situation at) => At = at;

    internal Situation At { get; }

    internal BrokerOptions Options => At.Harness.Broker with { Credential = new(_name, "secret-word") };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    internal static async Task<LimitedUser> CreateAsync(string generation, string type)
    {
        LimitedUser user = new(await Situation.CreateAsync(generation));
        HttpClient management = user.At.Host.Broker.Management;
        (await management.PutAsJsonAsync($"users/{user._name}", new { password = "secret-word", tags = "monitoring" }, Cancellation)).EnsureSuccessStatusCode();
        (await management.PutAsJsonAsync($"permissions/{Uri.EscapeDataString(user.At.Host.Name)}/{user._name}", new { configure = ".*", write = ".*", read = ".*" }, Cancellation)).EnsureSuccessStatusCode();
        await user.At.Client.DeclareAsync(Situation.Queue, type);
        await user.At.FillAsync(Count, bytes: 2000);
        return user;
    }

    internal async Task DeleteAsync()
    {
        using HttpResponseMessage _ = await At.Host.Broker.Management.DeleteAsync($"users/{_name}", CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        await DeleteAsync();
        await At.DisposeAsync();
    }
}
