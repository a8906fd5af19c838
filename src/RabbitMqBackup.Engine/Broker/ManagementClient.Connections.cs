using System.Text.Json;

namespace RabbitMqBackup.Engine.Broker;

internal sealed partial class ManagementClient
{
    /// <summary>The names that clients gave to the connections that are open, as far as they start with a text. Needs the tag monitoring, or gives the user's own only.</summary>
    internal async Task<IReadOnlyCollection<string>> ListConnectionNamesAsync(string start, CancellationToken cancellationToken)
    {
        HashSet<string> names = new(StringComparer.Ordinal);
        for (int page = 1, pages = 1; page <= pages; page++)
        {
            string path = $"/api/connections?page={page}&page_size={PageSize}&columns=user_provided_name";
            using JsonDocument json = await GetAsync(path, MaxPageBytes, UserTag.Monitoring, cancellationToken).ConfigureAwait(false) ?? throw NotTheApi();
            pages = (int)(json.RootElement.Integer("page_count") ?? 1);
            foreach (JsonElement item in json.RootElement.Member("items").Items())
            {
                if (item.Text("user_provided_name") is { } name && name.StartsWith(start, StringComparison.Ordinal))
                {
                    names.Add(name);
                }
            }
        }

        return names;
    }
}
