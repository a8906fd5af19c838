using System.Text.Json;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>Requests that change something, and whole definitions.</summary>
internal sealed partial class ManagementClient
{
    /// <summary>Definitions as RabbitMQ's own JSON, of the cluster or of one virtual host. Null where the virtual host is not there.</summary>
    internal Task<byte[]?> GetDefinitionsAsync(string? virtualHost, CancellationToken cancellationToken) =>
        _transport.SendAsync(HttpMethod.Get, DefinitionsPath(virtualHost), null, MaxListBytes, UserTag.Administrator, cancellationToken);

    /// <summary>
    /// Imports definitions. The broker adds and overwrites, never deletes; a queue, exchange or binding that exists with other properties it skips without a word; on an error
    /// (<see cref="ErrorCode.DefinitionInvalid"/>) part of the file may be in force already.
    /// </summary>
    internal async Task ImportDefinitionsAsync(ReadOnlyMemory<byte> json, string? virtualHost, CancellationToken cancellationToken)
    {
        if (await _transport.SendAsync(HttpMethod.Post, DefinitionsPath(virtualHost), json, MaxPageBytes, UserTag.Administrator, cancellationToken).ConfigureAwait(false) is null)
        {
            throw virtualHost is null ? NotTheApi() : NoVirtualHost(virtualHost);
        }
    }

    /// <summary>Creates a virtual host; no error when it is there.</summary>
    internal Task CreateVirtualHostAsync(string name, CancellationToken cancellationToken) =>
        PutAsync($"/api/vhosts/{Segment(name)}", "{}"u8.ToArray(), UserTag.Administrator, cancellationToken);

    /// <summary>Deletes a virtual host with everything in it; no error when it is not there.</summary>
    internal Task DeleteVirtualHostAsync(string name, CancellationToken cancellationToken) =>
        _transport.SendAsync(HttpMethod.Delete, $"/api/vhosts/{Segment(name)}", null, MaxPageBytes, UserTag.Administrator, cancellationToken);

    /// <summary>Gives a user all rights in a virtual host.</summary>
    internal async Task GrantAsync(string virtualHost, string user, CancellationToken cancellationToken)
    {
        byte[] body = """{"configure":".*","write":".*","read":".*"}"""u8.ToArray();
        await PutAsync($"/api/permissions/{Segment(virtualHost)}/{Segment(user)}", body, UserTag.Administrator, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Creates or replaces a user policy.</summary>
    internal Task PutPolicyAsync(PolicyRule policy, CancellationToken cancellationToken)
    {
        Dictionary<string, object?> body = new()
        {
            ["pattern"] = policy.Pattern,
            ["apply-to"] = policy.ApplyTo,
            ["priority"] = policy.Priority,
            ["definition"] = policy.Definition,
        };
        return PutAsync($"/api/policies/{Segment(policy.VirtualHost)}/{Segment(policy.Name)}", JsonSerializer.SerializeToUtf8Bytes(body), UserTag.Policies, cancellationToken);
    }

    /// <summary>User policies of a virtual host.</summary>
    internal Task<IReadOnlyList<PolicyRule>> ListPoliciesAsync(string virtualHost, CancellationToken cancellationToken) =>
        ListRulesAsync($"/api/policies/{Segment(virtualHost)}", cancellationToken);

    /// <summary>Deletes a user policy. False when it was not there.</summary>
    internal async Task<bool> DeletePolicyAsync(string virtualHost, string name, CancellationToken cancellationToken) =>
        await _transport.SendAsync(HttpMethod.Delete, $"/api/policies/{Segment(virtualHost)}/{Segment(name)}", null, MaxPageBytes, UserTag.Policies, cancellationToken).ConfigureAwait(false) is not null;

    /// <summary>Deletes what stands under a path. False when it was not there; <see cref="ErrorCode.DefinitionInvalid"/> with the broker's reason when it refuses.</summary>
    /// <param name="names">Segments below /api/, as they are.</param>
    /// <param name="query">E.g. <c>?if-empty=true</c>, or empty.</param>
    /// <param name="cancellationToken">Cancels.</param>
    internal async Task<bool> DeleteAsync(IReadOnlyList<string> names, string query, CancellationToken cancellationToken) =>
        await _transport.SendAsync(HttpMethod.Delete, $"/api/{string.Join('/', names.Select(Segment))}{query}", null, MaxPageBytes, UserTag.Administrator, cancellationToken).ConfigureAwait(false) is not null;

    /// <summary>Bindings of an exchange to one destination, with the <c>properties_key</c> under which each can be deleted.</summary>
    internal async Task<IReadOnlyList<JsonElement>> ListBindingsAsync(string virtualHost, string source, bool toQueue, string destination, CancellationToken cancellationToken)
    {
        string path = $"/api/bindings/{Segment(virtualHost)}/e/{Segment(source)}/{(toQueue ? 'q' : 'e')}/{Segment(destination)}";
        using JsonDocument? json = await GetAsync(path, MaxListBytes, UserTag.Queues, cancellationToken).ConfigureAwait(false);
        return json is null ? [] : [.. json.RootElement.Items().Select(item => item.Clone())];
    }

    private async Task PutAsync(string path, byte[] body, string neededTag, CancellationToken cancellationToken)
    {
        if (await _transport.SendAsync(HttpMethod.Put, path, body, MaxPageBytes, neededTag, cancellationToken).ConfigureAwait(false) is null)
        {
            // The broker answers 404 (and 4.3 also for a virtual host that the user may not see).
            throw new RabbitBackupException(ErrorCode.BrokerAccessRefused, $"The broker has no virtual host for {path}, or user '{options.Credential.UserName}' may not see it.") { Target = path };
        }
    }

    /// <summary>The error for a virtual host that is not there, or not for this user: the API does not tell which.</summary>
    internal RabbitBackupException NoVirtualHost(string name) =>
        new(ErrorCode.BrokerAccessRefused, $"There is no virtual host '{name}' on {DisplayUri}, or user '{options.Credential.UserName}' has no permission in it.")
        {
            Target = name,
            Hint = "Check the name, or give the user a permission: rabbitmqctl set_permissions.",
        };

    private static string DefinitionsPath(string? virtualHost) => virtualHost is null ? "/api/definitions" : $"/api/definitions/{Segment(virtualHost)}";
}
